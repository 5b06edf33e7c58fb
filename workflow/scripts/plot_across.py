"""Figures over all cohorts: forest of the effects, and detectability."""

from tilt.core import logs

log = logs.begin(snakemake.log[0])

from pathlib import Path

import pandas as pd

from tilt.core import tables
from tilt.figures import markers, meta, style
from tilt.figures.names import Cohort

labels = {fields["name"]: Cohort(**fields).label for fields in snakemake.params.cohorts}
effects = tables.read(snakemake.input.meta)
style.save(*meta.draw(effects, labels), Path(snakemake.output.meta).with_suffix(""))
parts = zip(snakemake.params.with_cells, snakemake.input.detectability, strict=True)
found = [tables.read(path).assign(cohort=name) for name, path in parts]
if found:
    figure = markers.draw_detectability_across(pd.concat(found, ignore_index=True), labels)
else:
    none = "No cohort has cells here: of published counts there is no detection to show."
    figure = style.sentence(None, "detection in memory CD4 T cells", none)
style.save(*figure, Path(snakemake.output.detectability).with_suffix(""))
log.info("%d cohorts", len(labels))
