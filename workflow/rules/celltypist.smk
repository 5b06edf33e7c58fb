# Labels of a CellTypist model beside ours, for cohorts that name a model file; never in their place.

MODELED = [c for c in CELLS if COHORTS[c].get("celltypist_model")]


rule celltypist_cells:
    input:
        counts="results/{cohort}/counts.zarr",
        labels="results/{cohort}/labels.tsv.gz",
        model=of_cohort("celltypist_model"),
        aliases=CONFIG["resources"]["gene_aliases"],
    output:
        cells="results/{cohort}/celltypist.tsv.gz",
        agreement="results/{cohort}/celltypist_agreement.tsv",
        confusion="results/{cohort}/celltypist_confusion.tsv",
    log:
        "logs/{cohort}/celltypist_cells.log",
    benchmark:
        "benchmarks/{cohort}/celltypist_cells.tsv"
    wildcard_constraints:
        cohort=one_of(MODELED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(2500),
        runtime=240,
    params:
        given=of_cohort(
            lambda cohort: jobs.given(
                cohort["celltypist_model"], CONFIG["resources"]["gene_aliases"]
            )
        ),
        code=code("celltypist_cells"),
    script:
        "../scripts/celltypist_cells.py"
