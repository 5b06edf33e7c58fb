# Antibody tags, in cohorts that have them: told from background, and counted per donor (E4).


DROPLETS = [name for name in TAGGED if jobs.with_droplets(COHORTS[name])]


rule read_droplets:
    input:
        of_cohort(jobs.droplet_inputs),
    output:
        "results/{cohort}/empty_droplets.tsv",
    log:
        "logs/{cohort}/read_droplets.log",
    benchmark:
        "benchmarks/{cohort}/read_droplets.tsv"
    wildcard_constraints:
        cohort=one_of(DROPLETS),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1500),
        runtime=120,
    params:
        files=of_cohort(jobs.droplet_files),
        names=of_cohort(lambda cohort: cohort["protein"].get("names") or {}),
        given=of_cohort(lambda cohort: jobs.given(jobs.droplet_inputs(cohort))),
        code=code("read_droplets"),
    script:
        "../scripts/read_droplets.py"


rule normalize_proteins:
    input:
        unpack(only(DROPLETS, empty="results/{cohort}/empty_droplets.tsv")),
        counts="results/{cohort}/counts.zarr",
    output:
        levels="results/{cohort}/proteins.h5ad",
        fits="results/{cohort}/proteins.tsv",
    log:
        "logs/{cohort}/normalize_proteins.log",
    benchmark:
        "benchmarks/{cohort}/normalize_proteins.tsv"
    wildcard_constraints:
        cohort=one_of(TAGGED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1200, per_mb=1),
        runtime=60,
    params:
        seed=CONFIG["seed"],
        code=code("normalize_proteins"),
    script:
        "../scripts/normalize_proteins.py"


rule count_proteins:
    input:
        markers=MARKERS,
        levels="results/{cohort}/proteins.h5ad",
        labels="results/{cohort}/labels.tsv.gz",
    output:
        counts="results/{cohort}/protein_counts.tsv",
        evidence="results/{cohort}/protein_evidence.tsv",
    log:
        "logs/{cohort}/count_proteins.log",
    benchmark:
        "benchmarks/{cohort}/count_proteins.tsv"
    wildcard_constraints:
        cohort=one_of(TAGGED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, per_mb=3),
        runtime=30,
    params:
        samples=of_cohort(jobs.units),
        given=jobs.given(MARKERS),
        code=code("count_proteins"),
    script:
        "../scripts/count_proteins.py"


rule write_modalities:
    input:
        counts="results/{cohort}/counts.zarr",
        levels="results/{cohort}/proteins.h5ad",
        tcells="results/{cohort}/tcells.h5ad",
    output:
        "results/{cohort}/tcells.h5mu",
    log:
        "logs/{cohort}/write_modalities.log",
    benchmark:
        "benchmarks/{cohort}/write_modalities.tsv"
    wildcard_constraints:
        cohort=one_of(TAGGED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800, per_mb=1),
        runtime=60,
    params:
        code=code("write_modalities"),
    script:
        "../scripts/write_modalities.py"
