# Figures of the cells of a cohort, each as PDF, SVG, PNG and the table of what it shows.


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
        mem_mb=jobs.memory(900, per_mb=10),
        runtime=30,
    params:
        cohort=of_cohort(names.describe),
        code=code("plot_quality"),
    script:
        "../scripts/plot_quality.py"


rule plot_cells:
    input:
        counts="results/{cohort}/counts.zarr",
        umap="results/{cohort}/umap.tsv.gz",
        labels="results/{cohort}/labels.tsv.gz",
        samples="results/{cohort}/qc_samples.tsv",
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
        mem_mb=jobs.memory(1000, per_mb=0.8),
        runtime=30,
    params:
        cohort=of_cohort(names.describe),
        seed=CONFIG["seed"],
        code=code("plot_cells"),
    script:
        "../scripts/plot_cells.py"


rule plot_markers:
    input:
        expression="results/{cohort}/marker_expression.tsv",
        detectability="results/{cohort}/detectability.tsv",
        sure="results/{cohort}/label_scores.tsv",
        coverage="results/{cohort}/label_coverage.tsv",
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
    output:
        multiext("results/figures/{cohort}/markers", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/detectability", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/label_scores", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/label_coverage", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/ambient", ".pdf", ".svg", ".tsv"),
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
        label_scores=report(
            "results/figures/{cohort}/label_scores.png",
            caption="../report/label_scores.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "How sure the labels are"},
        ),
        label_coverage=report(
            "results/figures/{cohort}/label_coverage.png",
            caption="../report/label_coverage.rst",
            category="4 Cells",
            labels={"cohort": "{cohort}", "figure": "Coverage against accuracy"},
        ),
        ambient=report(
            "results/figures/{cohort}/ambient.png",
            caption="../report/ambient.rst",
            category="5 Quality",
            labels={"cohort": "{cohort}", "figure": "Ambient RNA"},
        ),
    log:
        "logs/{cohort}/plot_markers.log",
    benchmark:
        "benchmarks/{cohort}/plot_markers.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(900, per_mb=2),
        runtime=30,
    params:
        cohort=of_cohort(names.describe),
        code=code("plot_markers"),
    script:
        "../scripts/plot_markers.py"
