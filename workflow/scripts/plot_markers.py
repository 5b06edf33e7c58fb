"""Figures of genes and labels: marker dot plot, detectability, ambient RNA, sureness of labels."""

from tilt.core import logs

log = logs.begin(snakemake.log[0])

from pathlib import Path

import anndata as ad

from tilt.core import tables
from tilt.donors import ambient
from tilt.figures import ambient as ambient_figure
from tilt.figures import confidence, markers, style
from tilt.figures.names import Cohort

cohort = Cohort(**snakemake.params.cohort)
for draw, source, target in (
    (markers.draw_dots, snakemake.input.expression, snakemake.output.markers),
    (markers.draw_detectability, snakemake.input.detectability, snakemake.output.detectability),
    (confidence.draw_scores, snakemake.input.sure, snakemake.output.label_scores),
    (confidence.draw_coverage, snakemake.input.coverage, snakemake.output.label_coverage),
):
    table = tables.read(source)
    style.save(*draw(table, cohort), Path(target).with_suffix(""))
    log.info("%s: %d rows drawn", Path(target).stem, len(table))
found = ambient.sentinels(ad.read_h5ad(snakemake.input.pseudobulk))
figure = ambient_figure.draw(found, cohort)
style.save(*figure, Path(snakemake.output.ambient).with_suffix(""))
