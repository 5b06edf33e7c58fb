"""Figures of quality control: why barcodes left, and the metrics before and after."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from pathlib import Path

from tilt.core import tables
from tilt.figures import qc, study, style
from tilt.figures.names import Cohort

cohort = Cohort(**snakemake.params.cohort)
waterfall = tables.read(snakemake.input.waterfall)
style.save(
    *qc.draw_waterfall(waterfall, cohort), Path(snakemake.output.qc_waterfall).with_suffix("")
)
samples, donors = tables.read(snakemake.input.samples), tables.read(snakemake.input.donors)
figure = study.draw(samples, waterfall, donors, cohort)
style.save(*figure, Path(snakemake.output.study).with_suffix(""))
needed = ["sample", "donor", "condition", "kept", *qc.METRICS]
cells = tables.read(snakemake.input.cells, columns=needed)
style.save(*qc.draw_distributions(cells, cohort), Path(snakemake.output.qc_metrics).with_suffix(""))
log.info("%d samples, %d barcodes", waterfall["sample"].nunique(), len(cells))
