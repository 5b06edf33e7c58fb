# What may set the imbalance: interferon, AHR and JUN, transcription factors, and responses to
# perturbations. Associations between donors.


rule compare_mediators:
    input:
        imbalance="results/{cohort}/imbalance.tsv",
        activity="results/{cohort}/activity.tsv",
    output:
        "results/{cohort}/mediators.tsv",
    log:
        "logs/{cohort}/compare_mediators.log",
    benchmark:
        "benchmarks/{cohort}/compare_mediators.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=20,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.declared),
        stats=jobs.plan(CONFIG["stats"], "mediators", "handling_sets"),
        seed=CONFIG["seed"],
        code=code("compare_mediators"),
    script:
        "../scripts/compare_mediators.py"


rule score_factors:
    input:
        tested="results/{cohort}/de/{subset}.tsv",
        regulon=CONFIG["stats"]["regulon"] or [],
    output:
        "results/{cohort}/factors/{subset}.tsv",
    log:
        "logs/{cohort}/score_factors/{subset}.log",
    benchmark:
        "benchmarks/{cohort}/score_factors/{subset}.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1500),
        runtime=20,
    params:
        factors=CONFIG["stats"]["factors"],
        code=code("score_factors"),
    script:
        "../scripts/score_factors.py"


rule compare_factors:
    input:
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
        regulon=CONFIG["stats"]["regulon"] or [],
    output:
        activity="results/{cohort}/factor_activity.tsv",
        tests="results/{cohort}/factor_tests.tsv",
    log:
        "logs/{cohort}/compare_factors.log",
    benchmark:
        "benchmarks/{cohort}/compare_factors.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1500, per_mb=4),
        runtime=20,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.declared),
        stats=jobs.plan(CONFIG["stats"], "factors"),
        min_cells=CONFIG["imbalance"]["min_pseudobulk_cells"],
        seed=CONFIG["seed"],
        code=code("compare_factors"),
    script:
        "../scripts/compare_factors.py"


rule compare_perturbations:
    input:
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
        imbalance="results/{cohort}/imbalance.tsv",
        signatures=CONFIG["resources"]["signatures"],
        responses=RESPONSES,
    output:
        "results/{cohort}/perturbations.tsv",
        nulls="results/{cohort}/perturbation_nulls.tsv",
    log:
        "logs/{cohort}/compare_perturbations.log",
    benchmark:
        "benchmarks/{cohort}/compare_perturbations.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(900, per_mb=4),
        runtime=30,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.declared),
        stats=jobs.plan(CONFIG["stats"], "random_sets"),
        min_cells=CONFIG["imbalance"]["min_pseudobulk_cells"],
        seed=CONFIG["seed"],
        code=code("compare_perturbations"),
    script:
        "../scripts/compare_perturbations.py"
