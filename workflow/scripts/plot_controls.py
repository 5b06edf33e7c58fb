"""Figures of the controls: genes and factors between conditions, specifications, random sets."""

from tilt.core import logs

log = logs.begin(snakemake.log[0])

from pathlib import Path

from tilt.core import tables
from tilt.figures import factors, robustness, style, volcano
from tilt.figures.names import Cohort

cohort = Cohort(**snakemake.params.cohort)
genes = {Path(path).stem: tables.read(path) for path in snakemake.input.de}
style.save(*volcano.draw(genes, cohort), Path(snakemake.output.volcano).with_suffix(""))
scored = {Path(path).stem: tables.read(path) for path in snakemake.input.factors}
headings = volcano.headings(genes, cohort)
figure = factors.draw(scored, headings, cohort)
style.save(*figure, Path(snakemake.output.factors).with_suffix(""))
curve, random = tables.read(snakemake.input.curve), tables.read(snakemake.input.random)
figure = robustness.draw(curve, random, cohort)
style.save(*figure, Path(snakemake.output.robustness).with_suffix(""))
log.info("%d groups of cells, %d specifications", len(genes), len(curve))
