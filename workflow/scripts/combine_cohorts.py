"""Combine the effects of all cohorts, every donor counted once."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from tilt.core import tables
from tilt.stages import across

given, studies = snakemake.input, []
for i, about in enumerate(snakemake.params.cohorts):
    activity = [f for f in given.activity if f.split("/")[-2] == about["name"]]
    paths = (given.tests[i], given.composition[i], given.imbalance[i], *activity)
    studies.append(across.Study(about, *map(tables.read, paths)))
params = snakemake.params
combined = across.combine(studies, params.stats, params.limits, params.seed)
log.info("%d cohorts, %d rows", len(studies), len(combined))
tables.write(combined, snakemake.output[0])
