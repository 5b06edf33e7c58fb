# Donors: the imbalance of each, and the comparison of the arms.


rule estimate_imbalance:
    input:
        unpack(
            only(
                CELLS,
                pseudobulk="results/{cohort}/pseudobulk.h5ad",
                detectability="results/{cohort}/detectability.tsv",
            )
        ),
        unpack(only(TAGGED, proteins="results/{cohort}/protein_counts.tsv")),
        composition="results/{cohort}/composition.tsv",
        signatures=CONFIG["resources"]["signatures"],
    output:
        "results/{cohort}/imbalance.tsv",
    log:
        "logs/{cohort}/estimate_imbalance.log",
    benchmark:
        "benchmarks/{cohort}/estimate_imbalance.tsv"
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=4.6),
        runtime=20,
    params:
        samples=of_cohort(jobs.stratified),
        cohort=of_cohort(jobs.measured),
        min_donors=CONFIG["stats"]["min_donors"],
        given=jobs.given(CONFIG["resources"]["signatures"]),
        code=code("estimate_imbalance"),
    script:
        "../scripts/estimate_imbalance.py"


rule compare_donors:
    input:
        unpack(
            only(
                CELLS,
                activity="results/{cohort}/activity.tsv",
                confusion="results/{cohort}/expected_confusion.tsv",
            )
        ),
        unpack(only(TAGGED, proteins="results/{cohort}/protein_counts.tsv")),
        unpack(only(SEQUENCED, clones="results/{cohort}/clones.tsv")),
        composition="results/{cohort}/composition.tsv",
        imbalance="results/{cohort}/imbalance.tsv",
    output:
        "results/{cohort}/tests.tsv",
        methods="results/{cohort}/methods.tsv",
        permuted="results/{cohort}/permuted.tsv",
    log:
        "logs/{cohort}/compare_donors.log",
    benchmark:
        "benchmarks/{cohort}/compare_donors.tsv"
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1100),
        runtime=30,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.declared),
        stats=jobs.plan(CONFIG["stats"], "smallest_effect"),
        seed=CONFIG["seed"],
        code=code("compare_donors"),
    script:
        "../scripts/compare_donors.py"


rule explore_specifications:
    input:
        unpack(
            only(
                CELLS,
                pseudobulk="results/{cohort}/pseudobulk.h5ad",
                detectability="results/{cohort}/detectability.tsv",
                counts="results/{cohort}/counts.zarr",
                labels="results/{cohort}/labels.tsv.gz",
                scores="results/{cohort}/scores.tsv.gz",
                markers=MARKERS,
            )
        ),
        unpack(
            only(
                TAGGED,
                proteins="results/{cohort}/protein_counts.tsv",
                levels="results/{cohort}/proteins.h5ad",
            )
        ),
        composition="results/{cohort}/composition.tsv",
        imbalance="results/{cohort}/imbalance.tsv",
        signatures=CONFIG["resources"]["signatures"],
    output:
        curve="results/{cohort}/specifications.tsv",
        random="results/{cohort}/random_sets.tsv",
    log:
        "logs/{cohort}/explore_specifications.log",
    benchmark:
        "benchmarks/{cohort}/explore_specifications.tsv"
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=1.2),
        runtime=60,
    params:
        samples=of_cohort(jobs.explored),
        cohort=of_cohort(jobs.declared),
        stats=jobs.plan(CONFIG["stats"]),
        random_sets=CONFIG["stats"]["random_sets"],
        seed=CONFIG["seed"],
        given=jobs.given(MARKERS, CONFIG["resources"]["signatures"]),
        code=code("explore_specifications"),
    script:
        "../scripts/explore_specifications.py"


rule compare_expression:
    input:
        pseudobulk="results/{cohort}/pseudobulk.h5ad",
    output:
        "results/{cohort}/de/{subset}.tsv",
    log:
        "logs/{cohort}/compare_expression/{subset}.log",
    benchmark:
        "benchmarks/{cohort}/compare_expression/{subset}.tsv"
    priority: 1  # a figure waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(900, per_mb=5.5),
        runtime=60,
    params:
        samples=of_cohort(jobs.compared),
        cohort=of_cohort(jobs.contrast),
        min_donors=CONFIG["stats"]["min_donors"],
        min_cells=CONFIG["imbalance"]["min_pseudobulk_cells"],
        code=code("compare_expression"),
    script:
        "../scripts/compare_expression.py"
