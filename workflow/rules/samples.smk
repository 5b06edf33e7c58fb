# One sample at a time: raw counts in, clean cells with their lineage out.

# The same for one sample and for several in one job.
SAMPLE_MEMORY = {"base_mb": 1000, "per_mb": 25}
SAMPLE_CODE = code("stages.sample", "io.read", "io.h5", "io.store")


rule simulate_cohort:
    input:
        params=lambda wildcards: cohort_of(wildcards)["simulated"],
        world=simulated_world,
        sheet=lambda wildcards: cohort_of(wildcards)["sheet"],
        markers=MARKERS,
        signatures=CONFIG["resources"]["signatures"],
    output:
        directory("results/simulated/{cohort}"),
    log:
        "logs/{cohort}/simulate_cohort.log",
    benchmark:
        "benchmarks/{cohort}/simulate_cohort.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=30,
    params:
        seed=CONFIG["seed"],
        format=lambda wildcards: cohort_of(wildcards)["format"],
        code=code("simulate.cohort", "simulate.write"),
    script:
        "../scripts/simulate_cohort.py"


rule split_cohort:
    input:
        split_input,
    output:
        directory("results/{cohort}/raw"),
    log:
        "logs/{cohort}/split_cohort.log",
    benchmark:
        "benchmarks/{cohort}/split_cohort.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(1200, per_mb=0.1),
        runtime=120,
    params:
        samples=lambda wildcards: [
            row["sample"] for row in cohort_of(wildcards)["samples"]
        ],
        file=lambda wildcards: layouts.sample_files(
            cohort_of(wildcards), cohort_of(wildcards)["samples"][0]
        )["h5ad"],
        h5ad=lambda wildcards: cohort_of(wildcards)["h5ad"],
        keep=lambda wildcards: [
            name for name in [cohort_of(wildcards).get("author_labels")] if name
        ],
        code=code("io.h5"),
    script:
        "../scripts/split_cohort.py"


rule process_sample:
    input:
        raw=raw_files,
        markers=MARKERS,
        aliases=CONFIG["resources"]["gene_aliases"],
    output:
        samples=["results/{cohort}/samples/{sample}.h5ad"],
        cells=["results/{cohort}/samples/{sample}.cells.tsv.gz"],
        summaries=["results/{cohort}/samples/{sample}.qc.json"],
    log:
        "logs/{cohort}/process_sample/{sample}.log",
    benchmark:
        "benchmarks/{cohort}/process_sample/{sample}.tsv"
    wildcard_constraints:
        cohort=one_of([c for c in CELLS if c not in SHARED]),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=memory(**SAMPLE_MEMORY, of=own_files),
        runtime=30,
    params:
        cohort=lambda wildcards: wildcards.cohort,
        rows=lambda wildcards: [row_of(wildcards)],
        source=source_of,
        batch=lambda wildcards: cohort_of(wildcards)["batch"],
        qc=lambda wildcards: cohort_of(wildcards)["qc"],
        on_bad_sample=CONFIG["on_bad_sample"],
        seed=CONFIG["seed"],
        code=SAMPLE_CODE,
    script:
        "../scripts/process_samples.py"


for job in shared_jobs():

    rule:
        name:
            f"process_samples_{job.cohort}_{job.number}"
        input:
            raw=sorted({path for one in job.samples for path in raw_files(one)}),
            markers=MARKERS,
            aliases=CONFIG["resources"]["gene_aliases"],
        output:
            samples=job.files("results/{cohort}/samples/{sample}.h5ad"),
            cells=job.files("results/{cohort}/samples/{sample}.cells.tsv.gz"),
            summaries=job.files("results/{cohort}/samples/{sample}.qc.json"),
        log:
            f"logs/{job.cohort}/process_samples/{job.number}.log",
        benchmark:
            f"benchmarks/{job.cohort}/process_samples/{job.number}.tsv"
        conda:
            "../../envs/tilt.yaml"
        threads: 1
        resources:
            mem_mb=memory(**SAMPLE_MEMORY, of=job.largest),
            runtime=120,
        params:
            cohort=job.cohort,
            rows=[row_of(one) for one in job.samples],
            source=source_of(job),
            batch=cohort_of(job)["batch"],
            qc=cohort_of(job)["qc"],
            on_bad_sample=CONFIG["on_bad_sample"],
            seed=CONFIG["seed"],
            code=SAMPLE_CODE,
        script:
            "../scripts/process_samples.py"
