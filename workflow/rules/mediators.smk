# What may set the imbalance: interferon, AHR and JUN, transcription factors, and responses to
# perturbations. Associations between donors.

# Responses to perturbations: those that ship, and the user's.
RESPONSES = [own_table("perturbations.tsv")]
RESPONSES += (
    [CONFIG["stats"]["perturbations"]] if CONFIG["stats"]["perturbations"] else []
)
DE_SUBSETS = CONFIG["stats"]["de_subsets"]  # groups of cells whose genes are compared
# Tables of the activity of transcription factors, which need their targets.
FACTORS = ["factor_activity", "factor_tests"] if CONFIG["stats"]["regulon"] else []


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
    priority: 1  # a figure waits for it
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


rule compare_factors:
    input:
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
        tested=expand("results/{{cohort}}/de/{subset}.tsv", subset=DE_SUBSETS),
        regulon=CONFIG["stats"]["regulon"] or [],
        aliases=CONFIG["resources"]["gene_aliases"],
    output:
        scored=expand("results/{{cohort}}/factors/{subset}.tsv", subset=DE_SUBSETS),
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
        given=jobs.given(
            CONFIG["stats"]["regulon"] or [], CONFIG["resources"]["gene_aliases"]
        ),
        code=code("compare_factors"),
    script:
        "../scripts/compare_factors.py"


rule compare_perturbations:
    input:
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
        imbalance="results/{cohort}/imbalance.tsv",
        signatures=CONFIG["resources"]["signatures"],
        responses=RESPONSES,
        aliases=CONFIG["resources"]["gene_aliases"],
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
        mem_mb=jobs.memory(900, per_mb=5),
        runtime=30,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.declared),
        stats=jobs.plan(CONFIG["stats"], "random_sets"),
        min_cells=CONFIG["imbalance"]["min_pseudobulk_cells"],
        seed=CONFIG["seed"],
        given=jobs.given(
            CONFIG["resources"]["signatures"],
            RESPONSES,
            CONFIG["resources"]["gene_aliases"],
        ),
        code=code("compare_perturbations"),
    script:
        "../scripts/compare_perturbations.py"
