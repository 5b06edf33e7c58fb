# The report, and with it all figures.


include: "figures.smk"


rule write_report:
    input:
        figures=drawn_figures(),
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
                *("mediators", "perturbations", *FACTORS),
                *("label_scores", "label_coverage"),
            ],
        ),
        designs=DESIGN_TABLES,
        receptors=expand("results/{cohort}/receptor_samples.tsv", cohort=SEQUENCED),
        cells=expand(
            "results/{cohort}/{file}",
            cohort=CELLS,
            file=["umap.tsv.gz", "labels.tsv.gz", "scores.tsv.gz", "counts.zarr"],
        ),
        template=[
            check.find(f"report/{file}", [TILT])
            for file in ("report.html.j2", "page.css", "page.js")
        ],
        calibration=own_table("calibration.tsv"),
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
        mem_mb=jobs.memory(1200, per_mb=0.5),
        runtime=30,
    params:
        config=CONFIG,
        cohorts=COHORTS,
        with_cells=CELLS,
        results=lambda wildcards, output: str(Path(output[0]).parent),
        benchmarks="benchmarks",
        code=code("write_report", *plots.caption_modules()),
    script:
        "../scripts/write_report.py"
