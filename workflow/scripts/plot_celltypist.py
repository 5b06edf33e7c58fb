"""Figure of a CellTypist model's labels against ours."""

from tilt.core import logs

log = logs.begin(snakemake.log[0])

from pathlib import Path

from tilt.core import tables
from tilt.figures import labels, style
from tilt.figures.names import Cohort

pairs = tables.read(snakemake.input[0])
figure = labels.draw_celltypist(pairs, Cohort(**snakemake.params.cohort))
style.save(*figure, Path(snakemake.output.celltypist).with_suffix(""))
log.info("%d pairs of labels drawn", len(pairs))
