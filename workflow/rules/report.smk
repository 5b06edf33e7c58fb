# Figures, each as PDF, SVG, PNG and the table of what it shows; and the report.

from tilt.figures import names


rule plot_quality:
    input:
        waterfall="results/{cohort}/qc_waterfall.tsv",
        samples="results/{cohort}/qc_samples.tsv",
        cells="results/{cohort}/qc_cells.tsv.gz",
        donors="results/{cohort}/donors.tsv",
    output:
        multiext("results/figures/{cohort}/study", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/qc_waterfall", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/qc_metrics", ".pdf", ".svg", ".tsv"),
        study=report(
            "results/figures/{cohort}/study.png",
            caption="../report/study.rst",
            category="1 Answer",
            labels={"cohort": "{cohort}", "figure": "Study flow and donors"},
        ),
        qc_waterfall=report(
            "results/figures/{cohort}/qc_waterfall.png",
            caption="../report/qc_waterfall.rst",
            category="5 Quality",
            labels={"cohort": "{cohort}", "figure": "Cells left"},
        ),
        qc_metrics=report(
            "results/figures/{cohort}/qc_metrics.png",
            caption="../report/qc_metrics.rst",
            category="5 Quality",
            labels={"cohort": "{cohort}", "figure": "Metrics"},
        ),
    log:
        "logs/{cohort}/plot_quality.log",
    benchmark:
        "benchmarks/{cohort}/plot_quality.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, per_input=20),
        runtime=30,
    params:
        cohort=lambda wildcards: names.describe(cohort_of(wildcards)),
        code=code("figures.qc", "figures.study"),
    script:
        "../scripts/plot_quality.py"


rule plot_cells:
    input:
        counts="results/{cohort}/counts.zarr",
        umap="results/{cohort}/umap.tsv.gz",
        labels="results/{cohort}/labels.tsv.gz",
        donors="results/{cohort}/donors.tsv",
    output:
        multiext("results/figures/{cohort}/umap", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/author_labels", ".pdf", ".svg", ".tsv"),
        umap=report(
            "results/figures/{cohort}/umap.png",
            caption="../report/umap.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "UMAP"},
        ),
        author_labels=report(
            "results/figures/{cohort}/author_labels.png",
            caption="../report/author_labels.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "Authors' labels"},
        ),
    log:
        "logs/{cohort}/plot_cells.log",
    benchmark:
        "benchmarks/{cohort}/plot_cells.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, per_input=20),
        runtime=30,
    params:
        cohort=lambda wildcards: names.describe(cohort_of(wildcards)),
        seed=CONFIG["seed"],
        code=code("figures.embedding", "figures.labels", "blocks"),
    script:
        "../scripts/plot_cells.py"


rule plot_markers:
    input:
        expression="results/{cohort}/marker_expression.tsv",
        detectability="results/{cohort}/detectability.tsv",
    output:
        multiext("results/figures/{cohort}/markers", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/detectability", ".pdf", ".svg", ".tsv"),
        markers=report(
            "results/figures/{cohort}/markers.png",
            caption="../report/markers.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "Markers"},
        ),
        detectability=report(
            "results/figures/{cohort}/detectability.png",
            caption="../report/detectability.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "Detectability"},
        ),
    log:
        "logs/{cohort}/plot_markers.log",
    benchmark:
        "benchmarks/{cohort}/plot_markers.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        cohort=lambda wildcards: names.describe(cohort_of(wildcards)),
        code=code("figures.markers"),
    script:
        "../scripts/plot_markers.py"


rule plot_donors:
    input:
        unpack(if_cells(activity="results/{cohort}/activity.tsv")),
        composition="results/{cohort}/composition.tsv",
        imbalance="results/{cohort}/imbalance.tsv",
        tests="results/{cohort}/tests.tsv",
        donors="results/{cohort}/donors.tsv",
    output:
        multiext("results/figures/{cohort}/imbalance", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/composition", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/lineages", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/interferon", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/activity", ".pdf", ".svg", ".tsv"),
        imbalance=report(
            "results/figures/{cohort}/imbalance.png",
            caption="../report/imbalance.rst",
            category="1 Answer",
            labels={"cohort": "{cohort}", "figure": "The imbalance"},
        ),
        composition=report(
            "results/figures/{cohort}/composition.png",
            caption="../report/composition.rst",
            category="2 Donors",
            labels={"cohort": "{cohort}", "figure": "Subsets per donor"},
        ),
        lineages=report(
            "results/figures/{cohort}/lineages.png",
            caption="../report/lineages.rst",
            category="2 Donors",
            labels={"cohort": "{cohort}", "figure": "Lineages per donor"},
        ),
        interferon=report(
            "results/figures/{cohort}/interferon.png",
            caption="../report/interferon.rst",
            category="2 Donors",
            labels={"cohort": "{cohort}", "figure": "Type I interferon"},
        ),
        activity=report(
            "results/figures/{cohort}/activity.png",
            caption="../report/activity.rst",
            category="2 Donors",
            labels={"cohort": "{cohort}", "figure": "Signature activity"},
        ),
    log:
        "logs/{cohort}/plot_donors.log",
    benchmark:
        "benchmarks/{cohort}/plot_donors.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        cohort=lambda wildcards: names.describe(cohort_of(wildcards)),
        poles=CONFIG["imbalance"]["poles"],
        code=code("figures.composition", "figures.imbalance", "figures.activity"),
    script:
        "../scripts/plot_donors.py"


rule plot_controls:
    input:
        de=lambda wildcards: expand(
            "results/{cohort}/de/{subset}.tsv",
            cohort=[c for c in CELLS if c == wildcards.cohort],
            subset=CONFIG["stats"]["de_subsets"],
        ),
        curve="results/{cohort}/specifications.tsv",
        random="results/{cohort}/random_sets.tsv",
    output:
        multiext("results/figures/{cohort}/volcano", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/robustness", ".pdf", ".svg", ".tsv"),
        volcano=report(
            "results/figures/{cohort}/volcano.png",
            caption="../report/volcano.rst",
            category="3 Controls",
            labels={"cohort": "{cohort}", "figure": "Genes between conditions"},
        ),
        robustness=report(
            "results/figures/{cohort}/robustness.png",
            caption="../report/robustness.rst",
            category="3 Controls",
            labels={"cohort": "{cohort}", "figure": "Robustness"},
        ),
    log:
        "logs/{cohort}/plot_controls.log",
    benchmark:
        "benchmarks/{cohort}/plot_controls.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        cohort=lambda wildcards: names.describe(cohort_of(wildcards)),
        subsets=CONFIG["stats"]["de_subsets"],
        code=code("figures.volcano", "figures.robustness"),
    script:
        "../scripts/plot_controls.py"


rule plot_across:
    input:
        meta="results/meta.tsv",
        detectability=expand("results/{cohort}/detectability.tsv", cohort=CELLS),
    output:
        multiext("results/figures/across/meta", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/across/detectability", ".pdf", ".svg", ".tsv"),
        meta=report(
            "results/figures/across/meta.png",
            caption="../report/across_meta.rst",
            category="1 Answer",
            labels={"cohort": "across", "figure": "Effects across cohorts"},
        ),
        detectability=report(
            "results/figures/across/detectability.png",
            caption="../report/across_detectability.rst",
            category="4 Cells",
            labels={"cohort": "across", "figure": "Detectability"},
        ),
    log:
        "logs/across/plot_across.log",
    benchmark:
        "benchmarks/across/plot_across.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        cohorts=[names.describe(about) for about in COHORTS.values()],
        with_cells=CELLS,
        code=code("figures.meta", "figures.markers"),
    script:
        "../scripts/plot_across.py"


rule write_report:
    input:
        figures=expand(
            "results/figures/{cohort}/{figure}.png",
            cohort=CELLS,
            figure=[
                *("study", "imbalance", "composition", "lineages", "interferon"),
                *("activity", "volcano", "robustness", "umap", "markers"),
                *("author_labels", "detectability", "qc_waterfall", "qc_metrics"),
            ],
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
            ],
        ),
        umaps=expand("results/{cohort}/umap.tsv.gz", cohort=CELLS),
        labels=expand("results/{cohort}/labels.tsv.gz", cohort=CELLS),
        template=workflow.source_path("../report/report.html.j2"),
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
        mem_mb=memory(1000, per_input=4),
        runtime=30,
    params:
        config=CONFIG,
        cohorts=COHORTS,
        results=lambda wildcards, output: str(Path(output[0]).parent),
        benchmarks="benchmarks",
        code=code("report", "provenance"),
    script:
        "../scripts/write_report.py"
