# Donors: the composition, summed counts and signature scores of each.


rule count_composition:
    input:
        labels="results/{cohort}/labels.tsv.gz",
        scores="results/{cohort}/scores.tsv.gz",
        counts="results/{cohort}/counts.zarr",
        lineages="results/{cohort}/lineages.tsv",
        markers=CONFIG["resources"]["markers"],
    output:
        "results/{cohort}/composition.tsv",
        confusion="results/{cohort}/expected_confusion.tsv",
        known="results/{cohort}/known.tsv",
    log:
        "logs/{cohort}/count_composition.log",
    benchmark:
        "benchmarks/{cohort}/count_composition.tsv"
    wildcard_constraints:
        cohort=one_of(CELLS),
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=0.6),
        runtime=30,
    params:
        samples=of_cohort(jobs.units),
        sort=of_cohort("cells"),
        given=jobs.given(CONFIG["resources"]["markers"]),
        code=code("count_composition"),
    script:
        "../scripts/count_composition.py"


rule read_composition:
    input:
        of_cohort(jobs.whole_file),
    output:
        composition="results/{cohort}/composition.tsv",
        donors="results/{cohort}/donors.tsv",
    log:
        "logs/{cohort}/read_composition.log",
    benchmark:
        "benchmarks/{cohort}/read_composition.tsv"
    wildcard_constraints:
        cohort=one_of(TABLES),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000),
        runtime=10,
    params:
        samples=of_cohort("samples"),
        options=of_cohort(lambda cohort: cohort.get("composition") or {}),
        given=of_cohort(lambda cohort: jobs.given(jobs.whole_file(cohort))),
        code=code("read_composition"),
    script:
        "../scripts/read_composition.py"


rule sum_pseudobulk:
    input:
        labels="results/{cohort}/labels.tsv.gz",
        counts="results/{cohort}/counts.zarr",
    output:
        "results/{cohort}/pseudobulk.h5ad",
    log:
        "logs/{cohort}/sum_pseudobulk.log",
    benchmark:
        "benchmarks/{cohort}/sum_pseudobulk.tsv"
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, per_mb=1.6),
        runtime=60,
    params:
        samples=of_cohort(jobs.units),
        min_cells=CONFIG["imbalance"]["min_pseudobulk_cells"],
        min_whole=min(
            CONFIG["imbalance"]["min_pseudobulk_cells"],
            CONFIG["stats"]["min_activity_cells"],
        ),
        code=code("sum_pseudobulk"),
    script:
        "../scripts/sum_pseudobulk.py"


rule score_activity:
    input:
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
        signatures=CONFIG["resources"]["signatures"],
    output:
        "results/{cohort}/activity.tsv",
    log:
        "logs/{cohort}/score_activity.log",
    benchmark:
        "benchmarks/{cohort}/score_activity.tsv"
    priority: 1  # a figure waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=4.4),
        runtime=20,
    params:
        samples=of_cohort(jobs.units),
        subsets=jobs.scored_subsets(CONFIG["stats"]),
        sets=jobs.scored_sets(CONFIG["stats"]),
        min_cells=CONFIG["stats"]["min_activity_cells"],
        min_genes=CONFIG["imbalance"]["min_genes"],
        given=jobs.given(CONFIG["resources"]["signatures"]),
        code=code("score_activity"),
    script:
        "../scripts/score_activity.py"
