# One sample at a time: raw counts in, clean cells with their lineage out; then all gathered.


rule simulate_cohort:
    input:
        params=of_cohort("simulated"),
        world=of_cohort(jobs.simulated_world),
        sheet=of_cohort("sheet"),
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
        mem_mb=jobs.memory(1500),
        runtime=30,
    params:
        seed=CONFIG["seed"],
        format=of_cohort("format"),
        given=of_cohort(
            lambda cohort: jobs.given(
                cohort["simulated"],
                jobs.simulated_world(cohort),
                MARKERS,
                CONFIG["resources"]["signatures"],
            )
        ),
        code=code("simulate_cohort"),
    script:
        "../scripts/simulate_cohort.py"


rule split_cohort:
    input:
        lambda wildcards: (
            f"results/{wildcards.cohort}/retrieved.tsv"
            if "retrieve" in cohort_of(wildcards)
            else jobs.whole_file(cohort_of(wildcards))
        ),
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
        mem_mb=jobs.memory(1200, per_mb=0.1),
        runtime=120,
    params:
        samples=of_cohort(lambda cohort: [row["sample"] for row in cohort["samples"]]),
        file=of_cohort(jobs.whole_file),
        h5ad=of_cohort("h5ad"),
        keep=of_cohort(
            lambda cohort: [name for name in [cohort.get("author_labels")] if name]
        ),
        tags_from=of_cohort(
            lambda cohort: (cohort.get("protein") or {}).get("from", "")
        ),
        given=of_cohort(
            lambda cohort: (
                [] if "retrieve" in cohort else jobs.given(jobs.whole_file(cohort))
            )
        ),
        code=code("split_cohort"),
    script:
        "../scripts/split_cohort.py"


# One rule for single samples, and one for each job that several samples share.
for job in jobs.sample_jobs({name: COHORTS[name] for name in CELLS}):

    rule:
        name:
            job.name
        input:
            raw=job.of(
                lambda cohort, samples: sorted(
                    {path for s in samples for path in jobs.raw_files(cohort, s)}
                )
            ),
            markers=MARKERS,
            aliases=CONFIG["resources"]["gene_aliases"],
        output:
            samples=job.files("results/{cohort}/samples/{sample}.h5ad"),
            cells=job.files("results/{cohort}/samples/{sample}.cells.tsv.gz"),
            summaries=job.files("results/{cohort}/samples/{sample}.qc.json"),
        log:
            f"logs/{job.log}.log",
        benchmark:
            f"benchmarks/{job.log}.tsv"
        wildcard_constraints:
            cohort=job.pattern,
        conda:
            "../../envs/tilt.yaml"
        threads: 1
        resources:
            mem_mb=jobs.memory(1000, per_mb=25, of=job.of(jobs.largest)),
            runtime=job.runtime,
        params:
            cohort=job.of(lambda cohort, samples: cohort["name"]),
            rows=job.of(
                lambda cohort, samples: [jobs.row_of(cohort, s) for s in samples]
            ),
            source=job.of(lambda cohort, samples: jobs.source(cohort)),
            batch=job.of(lambda cohort, samples: cohort["batch"]),
            qc=job.of(lambda cohort, samples: cohort["qc"]),
            # Kept out of the params, so that good samples are not made again for it.
            skipped_before=job.of(
                lambda cohort, samples: jobs.skipped_before(
                    cohort, samples, CONFIG["on_bad_sample"]
                )
            ),
            seed=CONFIG["seed"],
            given=job.of(
                lambda cohort, samples: jobs.given(
                    *(jobs.raw_files(cohort, s) for s in samples),
                    MARKERS,
                    CONFIG["resources"]["gene_aliases"],
                )
            ),
            code=code("process_samples"),
        script:
            "../scripts/process_samples.py"


rule gather_cohort:
    input:
        samples=samples_of("results/{cohort}/samples/{sample}.h5ad"),
        cells=samples_of("results/{cohort}/samples/{sample}.cells.tsv.gz"),
        summaries=samples_of("results/{cohort}/samples/{sample}.qc.json"),
    output:
        counts=directory("results/{cohort}/counts.zarr"),
        cells="results/{cohort}/qc_cells.tsv.gz",
        waterfall="results/{cohort}/qc_waterfall.tsv",
        samples="results/{cohort}/qc_samples.tsv",
        lineages="results/{cohort}/lineages.tsv",
        inputs="results/{cohort}/inputs.tsv",
    log:
        "logs/{cohort}/gather_cohort.log",
    benchmark:
        "benchmarks/{cohort}/gather_cohort.tsv"
    wildcard_constraints:
        cohort=one_of(CELLS),
    priority: 3  # all that follows waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(900, per_mb=0.35),
        runtime=120,
    params:
        rows=of_cohort(jobs.units),
        code=code("gather_cohort"),
    script:
        "../scripts/gather_cohort.py"


rule list_donors:
    input:
        "results/{cohort}/qc_samples.tsv",
    output:
        "results/{cohort}/donors.tsv",
    log:
        "logs/{cohort}/list_donors.log",
    benchmark:
        "benchmarks/{cohort}/list_donors.tsv"
    wildcard_constraints:
        cohort=one_of(CELLS),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(800),
        runtime=10,
    params:
        rows=of_cohort(jobs.people),
        code=code("list_donors"),
    script:
        "../scripts/list_donors.py"
