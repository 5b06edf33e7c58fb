# T-cell receptors, in cohorts whose sheet names them: of each cell, and the clones of each donor.

SEQUENCED = [name for name in CELLS if jobs.with_receptors(COHORTS[name])]


rule read_receptors:
    input:
        tables=of_cohort(jobs.receptor_inputs),
        cells="results/{cohort}/qc_cells.tsv.gz",
        counts="results/{cohort}/counts.zarr",
    output:
        receptors="results/{cohort}/receptors.tsv.gz",
        samples="results/{cohort}/receptor_samples.tsv",
    log:
        "logs/{cohort}/read_receptors.log",
    benchmark:
        "benchmarks/{cohort}/read_receptors.tsv"
    wildcard_constraints:
        cohort=one_of(SEQUENCED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=1),
        runtime=60,
    params:
        files=of_cohort(jobs.receptor_files),
        samples=of_cohort(jobs.units),
        given=of_cohort(lambda cohort: jobs.given(jobs.receptor_inputs(cohort))),
        code=code("read_receptors"),
    script:
        "../scripts/read_receptors.py"


rule count_clones:
    input:
        markers=MARKERS,
        counts="results/{cohort}/counts.zarr",
        receptors="results/{cohort}/receptors.tsv.gz",
        labels="results/{cohort}/labels.tsv.gz",
    output:
        "results/{cohort}/clones.tsv",
    log:
        "logs/{cohort}/count_clones.log",
    benchmark:
        "benchmarks/{cohort}/count_clones.tsv"
    wildcard_constraints:
        cohort=one_of(SEQUENCED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=0.5),
        runtime=30,
    params:
        samples=of_cohort(jobs.units),
        seed=CONFIG["seed"],
        given=jobs.given(MARKERS),
        code=code("count_clones"),
    script:
        "../scripts/count_clones.py"
