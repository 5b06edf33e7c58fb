# Figures in which a dot is a donor or a cohort, and those of the controls.


rule plot_donors:
    input:
        unpack(if_cells(activity="results/{cohort}/activity.tsv")),
        composition="results/{cohort}/composition.tsv",
        imbalance="results/{cohort}/imbalance.tsv",
        tests="results/{cohort}/tests.tsv",
        permuted="results/{cohort}/permuted.tsv",
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
        mem_mb=jobs.memory(1000),
        runtime=30,
    params:
        cohort=of_cohort(names.describe),
        poles=of_cohort(lambda cohort: cohort["imbalance"]["poles"]),
        code=code("plot_donors"),
    script:
        "../scripts/plot_donors.py"


rule plot_controls:
    input:
        de=lambda wildcards: expand(
            "results/{cohort}/de/{subset}.tsv",
            cohort=[c for c in CELLS if c == wildcards.cohort],
            subset=CONFIG["stats"]["de_subsets"],
        ),
        factors=lambda wildcards: expand(
            "results/{cohort}/factors/{subset}.tsv",
            cohort=[c for c in CELLS if c == wildcards.cohort],
            subset=CONFIG["stats"]["de_subsets"] if CONFIG["stats"]["regulon"] else [],
        ),
        curve="results/{cohort}/specifications.tsv",
        random="results/{cohort}/random_sets.tsv",
    output:
        multiext("results/figures/{cohort}/volcano", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/factors", ".pdf", ".svg", ".tsv"),
        multiext("results/figures/{cohort}/robustness", ".pdf", ".svg", ".tsv"),
        volcano=report(
            "results/figures/{cohort}/volcano.png",
            caption="../report/volcano.rst",
            category="3 Controls",
            labels={"cohort": "{cohort}", "figure": "Genes between conditions"},
        ),
        factors=report(
            "results/figures/{cohort}/factors.png",
            caption="../report/factors.rst",
            category="3 Controls",
            labels={"cohort": "{cohort}", "figure": "Transcription factors"},
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
        mem_mb=jobs.memory(900),
        runtime=30,
    params:
        cohort=of_cohort(names.describe),
        subsets=CONFIG["stats"]["de_subsets"],
        code=code("plot_controls"),
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
        mem_mb=jobs.memory(800),
        runtime=30,
    params:
        cohorts=[names.describe(about) for about in COHORTS.values()],
        with_cells=CELLS,
        code=code("plot_across"),
    script:
        "../scripts/plot_across.py"
