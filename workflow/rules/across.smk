# All cohorts: their effects combined, never their counts.


rule combine_cohorts:
    input:
        tests=expand("results/{cohort}/tests.tsv", cohort=COHORTS),
        composition=expand("results/{cohort}/composition.tsv", cohort=COHORTS),
        imbalance=expand("results/{cohort}/imbalance.tsv", cohort=COHORTS),
        activity=expand("results/{cohort}/activity.tsv", cohort=CELLS),
    output:
        "results/meta.tsv",
    log:
        "logs/across/combine_cohorts.log",
    benchmark:
        "benchmarks/across/combine_cohorts.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=20,
    params:
        cohorts=[
            {
                key: about.get(key)
                for key in (
                    *("name", "format", "cells", "contrast", "covariates"),
                    *("strata", "composition", "samples"),
                )
            }
            for about in COHORTS.values()
        ],
        limits=CONFIG["imbalance"],
        stats=CONFIG["stats"],
        seed=CONFIG["seed"],
        code=code("stages.across"),
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
        mem_mb=memory(800),
        runtime=10,
    params:
        code=code("donors.activity"),
    script:
        "../scripts/compare_signatures.py"
