# Public files: fetched by the machine that runs snakemake, never from a compute node.
# Fetch only, on a machine with internet: snakemake --until retrieve_cohort


rule retrieve_cohort:
    output:
        "results/{cohort}/retrieved.tsv",
    log:
        "logs/{cohort}/retrieve_cohort.log",
    benchmark:
        "benchmarks/{cohort}/retrieve_cohort.tsv"
    localrule: True
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=1440,
    params:
        entries=of_cohort("retrieve"),
        folder=of_cohort("folder"),
        wanted=of_cohort(layouts.files_wanted),
        code=code("retrieve_cohort"),
    script:
        "../scripts/retrieve_cohort.py"
