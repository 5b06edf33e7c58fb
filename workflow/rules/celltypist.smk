# Labels of a CellTypist model beside ours, for cohorts that name a model file; never in their place.

MODELLED = [c for c in CELLS if COHORTS[c].get("celltypist_model")]


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
        cohort=one_of(MODELLED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(2500),
        runtime=240,
    params:
        code=code("celltypist_cells"),
    script:
        "../scripts/celltypist_cells.py"


rule plot_celltypist:
    input:
        "results/{cohort}/celltypist_confusion.tsv",
    output:
        multiext("results/figures/{cohort}/celltypist", ".pdf", ".svg", ".tsv"),
        celltypist=report(
            "results/figures/{cohort}/celltypist.png",
            caption="../report/celltypist.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "CellTypist's labels"},
        ),
    log:
        "logs/{cohort}/plot_celltypist.log",
    benchmark:
        "benchmarks/{cohort}/plot_celltypist.tsv"
    wildcard_constraints:
        cohort=one_of(MODELLED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000),
        runtime=30,
    params:
        cohort=of_cohort(names.describe),
        code=code("plot_celltypist"),
    script:
        "../scripts/plot_celltypist.py"
