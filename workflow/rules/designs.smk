# Designs beyond two arms, for the cohorts that declare them.

REPEATED = [name for name in COHORTS if jobs.visits(COHORTS[name])]
GROUPED = [name for name in COHORTS if jobs.groups(COHORTS[name])]
EXPOSED = [name for name in COHORTS if jobs.exposures(COHORTS[name])]


DESIGN_TABLES = [
    *expand("results/{cohort}/exposures.tsv", cohort=EXPOSED),
    *expand("results/{cohort}/contrasts.tsv", cohort=GROUPED),
    *expand("results/{cohort}/changes.tsv", cohort=REPEATED),
]


rule compare_exposures:
    input:
        imbalance="results/{cohort}/imbalance.tsv",
    output:
        "results/{cohort}/exposures.tsv",
        lines="results/{cohort}/exposure_lines.tsv",
    log:
        "logs/{cohort}/compare_exposures.log",
    benchmark:
        "benchmarks/{cohort}/compare_exposures.tsv"
    wildcard_constraints:
        cohort=one_of(EXPOSED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=20,
    params:
        samples=of_cohort(jobs.exposed),
        cohort=of_cohort(jobs.exposures),
        min_donors=CONFIG["stats"]["min_donors"],
        permutations=CONFIG["stats"]["permutations"],
        seed=CONFIG["seed"],
        code=code("compare_exposures"),
    script:
        "../scripts/compare_exposures.py"


rule compare_groups:
    input:
        imbalance="results/{cohort}/imbalance.tsv",
    output:
        "results/{cohort}/contrasts.tsv",
    log:
        "logs/{cohort}/compare_groups.log",
    benchmark:
        "benchmarks/{cohort}/compare_groups.tsv"
    wildcard_constraints:
        cohort=one_of(GROUPED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=20,
    params:
        samples=of_cohort(jobs.grouped),
        cohort=of_cohort(jobs.groups),
        stats=jobs.plan(CONFIG["stats"], "smallest_effect"),
        seed=CONFIG["seed"],
        code=code("compare_groups"),
    script:
        "../scripts/compare_groups.py"


rule compare_visits:
    input:
        imbalance="results/{cohort}/imbalance.tsv",
    output:
        "results/{cohort}/changes.tsv",
    log:
        "logs/{cohort}/compare_visits.log",
    benchmark:
        "benchmarks/{cohort}/compare_visits.tsv"
    wildcard_constraints:
        cohort=one_of(REPEATED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=20,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.visits),
        stats=jobs.plan(CONFIG["stats"]),
        seed=CONFIG["seed"],
        code=code("compare_visits"),
    script:
        "../scripts/compare_visits.py"
