# All cohorts: their effects combined, never their counts.


def statistics_files():
    """Every table of the statistics stage that a run makes."""
    subsets = CONFIG["stats"]["de_subsets"]
    folder = "results/{cohort}/"
    files = ["results/meta.tsv"]
    files += expand(folder + "tests.tsv", cohort=COHORTS)
    files += expand(folder + "specifications.tsv", cohort=COHORTS)
    files += expand(folder + "de/{subset}.tsv", cohort=CELLS, subset=subsets)
    if CONFIG["stats"]["regulon"]:
        files += expand(folder + "factors/{subset}.tsv", cohort=CELLS, subset=subsets)
    return files


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
        mem_mb=memory(1500),
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
        tau="PM",
        seed=CONFIG["seed"],
        code=code("meta", "contrast", "declared"),
    script:
        "../scripts/combine_cohorts.py"
