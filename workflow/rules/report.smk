# The report, and with it all figures.


include: "figures.smk"
include: "figures_donors.smk"


rule write_report:
    input:
        figures=expand(
            "results/figures/{cohort}/{figure}.png",
            cohort=CELLS,
            figure=[
                *("study", "imbalance", "composition", "lineages", "interferon"),
                *("activity", "volcano", "factors", "robustness", "umap", "markers"),
                *("label_scores", "author_labels", "label_coverage", "detectability"),
                *("qc_waterfall", "qc_metrics", "ambient"),
            ],
        ),
        figures_of_models=expand(
            "results/figures/{cohort}/celltypist.png", cohort=MODELLED
        ),
        figures_of_tables=expand(
            "results/figures/{cohort}/{figure}.png",
            cohort=TABLES,
            figure=["imbalance", "composition", "robustness"],
        ),
        figures_across=expand(
            "results/figures/across/{figure}.png", figure=["meta", "detectability"]
        ),
        meta="results/meta.tsv",
        tables=expand(
            "results/{cohort}/{table}.tsv",
            cohort=COHORTS,
            table=[
                *("donors", "composition", "imbalance", "tests"),
                *("specifications", "random_sets"),
            ],
        ),
        cell_tables=expand(
            "results/{cohort}/{table}.tsv",
            cohort=CELLS,
            table=[
                *("inputs", "qc_samples", "qc_waterfall", "markers_found"),
                *("marker_expression", "detectability", "activity", "lineages"),
                *("label_scores", "label_coverage"),
            ],
        ),
        umaps=expand("results/{cohort}/umap.tsv.gz", cohort=CELLS),
        labels=expand("results/{cohort}/labels.tsv.gz", cohort=CELLS),
        template=workflow.source_path("../report/report.html.j2"),
        calibration=str(TILT.parent / "resources" / "calibration.tsv"),
    output:
        "results/report.html",
    log:
        "logs/across/write_report.log",
    benchmark:
        "benchmarks/across/write_report.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(900, per_mb=4),
        runtime=30,
    params:
        config=CONFIG,
        cohorts=COHORTS,
        results=lambda wildcards, output: str(Path(output[0]).parent),
        benchmarks="benchmarks",
        code=code("write_report"),
    script:
        "../scripts/write_report.py"
