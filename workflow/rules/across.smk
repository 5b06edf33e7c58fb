# All cohorts: their effects combined, never their counts.


rule combine_cohorts:
    input:
        tests=expand("results/{cohort}/tests.tsv", cohort=COHORTS),
        methods=expand("results/{cohort}/methods.tsv", cohort=COHORTS),
        composition=expand("results/{cohort}/composition.tsv", cohort=COHORTS),
        imbalance=expand("results/{cohort}/imbalance.tsv", cohort=COHORTS),
        activity=expand("results/{cohort}/activity.tsv", cohort=CELLS),
    output:
        "results/meta.tsv",
    log:
        "logs/across/combine_cohorts.log",
    benchmark:
        "benchmarks/across/combine_cohorts.tsv"
    priority: 1  # a figure waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=20,
    params:
        cohorts=[
            jobs.declared(cohort) | {"samples": jobs.compared(cohort)}
            for cohort in COHORTS.values()
        ],
        stats=jobs.plan(CONFIG["stats"], "tau_scale"),
        seed=CONFIG["seed"],
        code=code("combine_cohorts"),
    script:
        "../scripts/combine_cohorts.py"


rule compare_signatures:
    input:
        CONFIG["resources"]["signatures"],
    output:
        "results/signature_overlaps.tsv",
    log:
        "logs/across/compare_signatures.log",
    benchmark:
        "benchmarks/across/compare_signatures.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=10,
    params:
        given=jobs.given(CONFIG["resources"]["signatures"]),
        code=code("compare_signatures"),
    script:
        "../scripts/compare_signatures.py"
