"""Measure the imbalance in every other reasonable way, and with random gene sets."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import anndata as ad

    from tilt.core import tables
    from tilt.donors import protein_axis, units
    from tilt.genes import tables as gene_tables
    from tilt.io import store
    from tilt.stages import comparison
    from tilt.stats import plan, specifications

    about, given = snakemake.params.cohort, snakemake.input.get
    samples = snakemake.params.samples
    everyone = units.donors_table(samples, snakemake.wildcards.cohort)
    donors = plan.arms_of(everyone, about)
    cells = scores = markers = proteins = None
    if given("scores"):
        obs, labels = store.open_store(given("counts")).obs, tables.read(given("labels"))
        cells = units.labeled_cells(obs, labels, samples)
        scores = tables.read(given("scores"))
        markers = gene_tables.read_markers(*given("markers"))
    if given("proteins"):
        levels = store.read_layer(given("levels"), "aligned", protein_axis.NEEDED)
        proteins = tables.read(given("proteins")), levels
    study = comparison.study(
        donors,
        plan.plan_of(snakemake.params.stats, about, donors, snakemake.params.seed),
        plan.imbalance_settings(about["imbalance"]),
        tables.read(snakemake.input.composition),
        gene_tables.read_signatures(snakemake.input.signatures),
        ad.read_h5ad(given("pseudobulk")) if given("pseudobulk") else None,
        tables.read(given("detectability")) if given("detectability") else None,
        cells,
        scores,
        markers,
        everyone,
        proteins,
    )
    log.info("every other way to measure the imbalance, then random gene sets")
    imbalances = tables.read(snakemake.input.imbalance)
    lead = imbalances.loc[imbalances["leads"], "estimator"].unique()
    curve = specifications.curve(study, lead[0] if len(lead) else "")
    null = specifications.random_sets(study, snakemake.params.random_sets)
    n, p = max(len(null) - 1, 0), specifications.random_p(null)
    log.info("p of E3 against %d random set pairs: %.3g", n, p)
    tables.write(curve, snakemake.output.curve)
    tables.write(null, snakemake.output.random)


if __name__ == "__main__":
    main(snakemake)
