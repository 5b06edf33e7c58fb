"""Measure the imbalance in every other reasonable way, and with random gene sets."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

import anndata as ad

from tilt.cells import groups
from tilt.core import tables
from tilt.genes import tables as gene_tables
from tilt.io import store as blocks
from tilt.donors import units
from tilt.stats import plan as declared, specifications

cohort, given = snakemake.params.cohort, snakemake.input.get
donors = units.donors_table(snakemake.params.samples, snakemake.wildcards.cohort)
plan = declared.plan_of(snakemake.params.stats, cohort, donors, snakemake.params.seed)
imbalances = tables.read(snakemake.input.imbalance)
cells = None
if given("scores"):
    store, labels = blocks.open_store(given("counts")), tables.read(given("labels"))
    cells = units.labelled_cells(store.obs, labels, snakemake.params.samples)
    cells = cells[groups.working_set(cells)]
    scores = tables.read(given("scores"), columns=["cell", "tph_score", "th22_score"])
    cells = cells[["donor", "condition"]].join(scores.set_index("cell"))
study = specifications.Cohort(
    donors,
    plan,
    declared.limits_of(snakemake.params.limits, cohort),
    tables.read(snakemake.input.composition),
    gene_tables.read_signatures(snakemake.input.signatures),
    ad.read_h5ad(given("pseudobulk")) if given("pseudobulk") else None,
    cells,
    tables.read(given("detectability")) if given("detectability") else None,
    declared.strata_of(donors, plan.contrast),
)
log.info("every other way to measure the imbalance, then random gene sets")
lead = imbalances.loc[imbalances["leads"], "estimator"].unique()
curve = specifications.curve(study, lead[0] if len(lead) else "")
null = specifications.random_sets(study, snakemake.params.random_sets)
log.info(
    "p of E3 against %d random set pairs: %.3g",
    max(len(null) - 1, 0),
    specifications.random_p(null),
)
tables.write(curve, snakemake.output.curve)
tables.write(null, snakemake.output.random)
