"""Figures of the annotation: marker dot plot and detectability."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from pathlib import Path

from tilt import tables
from tilt.figures import markers, style
from tilt.figures.names import Cohort

cohort = Cohort(**snakemake.params.cohort)
for draw, source, target in (
    (markers.draw_dots, snakemake.input.expression, snakemake.output.markers),
    (markers.draw_detectability, snakemake.input.detectability, snakemake.output.detectability),
):
    table = tables.read(source)
    style.save(*draw(table, cohort), Path(target).with_suffix(""))
    log.info("%s: %d rows drawn", Path(target).stem, len(table))
