# One cohort at a time: small tables beside its T cells, which are on disk once.


rule select_genes:
    input:
        counts="results/{cohort}/counts.zarr",
        excluded=CONFIG["resources"]["excluded_genes"],
    output:
        "results/{cohort}/hvg.tsv",
    log:
        "logs/{cohort}/select_genes.log",
    benchmark:
        "benchmarks/{cohort}/select_genes.tsv"
    priority: 3  # all that follows waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, per_mb=0.5),
        runtime=60,
    params:
        target_sum=CONFIG["normalize"]["target_sum"],
        n_hvgs=CONFIG["normalize"]["n_hvgs"],
        given=jobs.given(CONFIG["resources"]["excluded_genes"]),
        code=code("select_genes"),
    script:
        "../scripts/select_genes.py"


rule embed_cells:
    input:
        counts="results/{cohort}/counts.zarr",
        hvg="results/{cohort}/hvg.tsv",
    output:
        "results/{cohort}/embedding.h5ad",
    log:
        "logs/{cohort}/embed_cells.log",
    benchmark:
        "benchmarks/{cohort}/embed_cells.tsv"
    priority: 3  # all that follows waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: of_cohort(jobs.graph_threads)
    resources:
        mem_mb=jobs.memory(1200, per_mb=1),
        runtime=240,
    params:
        target_sum=CONFIG["normalize"]["target_sum"],
        n_pcs=CONFIG["embed"]["n_pcs"],
        n_neighbors=CONFIG["embed"]["n_neighbors"],
        harmony=CONFIG["embed"]["harmony"],
        device=CONFIG["embed"]["device"],
        seed=CONFIG["seed"],
        code=code("embed_cells"),
    script:
        "../scripts/embed_cells.py"


rule cluster_cells:
    input:
        "results/{cohort}/embedding.h5ad",
    output:
        "results/{cohort}/clusters.tsv.gz",
    log:
        "logs/{cohort}/cluster_cells.log",
    benchmark:
        "benchmarks/{cohort}/cluster_cells.tsv"
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(900, per_mb=6),
        runtime=240,
    params:
        resolutions=CONFIG["embed"]["resolutions"],
        package=CONFIG["embed"]["leiden"],
        device=CONFIG["embed"]["device"],
        seed=CONFIG["seed"],
        code=code("cluster_cells"),
    script:
        "../scripts/cluster_cells.py"


rule map_cells:
    input:
        "results/{cohort}/embedding.h5ad",
    output:
        "results/{cohort}/umap.tsv.gz",
    log:
        "logs/{cohort}/map_cells.log",
    benchmark:
        "benchmarks/{cohort}/map_cells.tsv"
    priority: 3  # all that follows waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1100, per_mb=3),
        runtime=240,
    params:
        min_dist=CONFIG["embed"]["min_dist"],
        device=CONFIG["embed"]["device"],
        seed=CONFIG["seed"],
        code=code("map_cells"),
    script:
        "../scripts/map_cells.py"


rule annotate_cells:
    input:
        unpack(
            only(
                TAGGED,
                proteins="results/{cohort}/proteins.h5ad",
                fits="results/{cohort}/proteins.tsv",
            )
        ),
        unpack(only(SEQUENCED, receptors="results/{cohort}/receptors.tsv.gz")),
        counts="results/{cohort}/counts.zarr",
        hvg="results/{cohort}/hvg.tsv",
        embedding="results/{cohort}/embedding.h5ad",
        markers=MARKERS,
        signatures=CONFIG["resources"]["signatures"],
        reference=REFERENCE,
    output:
        labels="results/{cohort}/labels.tsv.gz",
        scores="results/{cohort}/scores.tsv.gz",
        found="results/{cohort}/markers_found.tsv",
        agreement="results/{cohort}/agreement.tsv",
        confusion="results/{cohort}/confusion.tsv",
        sure="results/{cohort}/label_scores.tsv",
        coverage="results/{cohort}/label_coverage.tsv",
        reliability="results/{cohort}/reliability.tsv",
        expression="results/{cohort}/marker_expression.tsv",
        detectability="results/{cohort}/detectability.tsv",
    log:
        "logs/{cohort}/annotate_cells.log",
    benchmark:
        "benchmarks/{cohort}/annotate_cells.tsv"
    priority: 3  # all that follows waits for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, per_mb=1.4),
        runtime=240,
    params:
        branch=of_cohort(lambda cohort: "CD4" if cohort["cells"] == "cd4" else None),
        label_map=of_cohort(lambda cohort: cohort.get("label_map") or {}),
        labels_lead=of_cohort("labels_lead"),
        seed=CONFIG["seed"],
        given=jobs.given(MARKERS, CONFIG["resources"]["signatures"], REFERENCE),
        code=code("annotate_cells"),
    script:
        "../scripts/annotate_cells.py"


rule assemble_tcells:
    input:
        unpack(only(TAGGED, proteins="results/{cohort}/proteins.h5ad")),
        unpack(only(SEQUENCED, receptors="results/{cohort}/receptors.tsv.gz")),
        counts="results/{cohort}/counts.zarr",
        hvg="results/{cohort}/hvg.tsv",
        embedding="results/{cohort}/embedding.h5ad",
        umap="results/{cohort}/umap.tsv.gz",
        clusters="results/{cohort}/clusters.tsv.gz",
        labels="results/{cohort}/labels.tsv.gz",
        scores="results/{cohort}/scores.tsv.gz",
        inputs="results/{cohort}/inputs.tsv",
    output:
        "results/{cohort}/tcells.h5ad",
    log:
        "logs/{cohort}/assemble_tcells.log",
    benchmark:
        "benchmarks/{cohort}/assemble_tcells.tsv"
    priority: 2  # several jobs wait for it
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1200, per_mb=1),
        runtime=120,
    params:
        samples=of_cohort(jobs.people),
        cohort=of_cohort(names.describe),
        target_sum=CONFIG["normalize"]["target_sum"],
        min_dist=CONFIG["embed"]["min_dist"],
        config={key: CONFIG[key] for key in jobs.OF_CELLS},
        code=code("assemble_tcells"),
    script:
        "../scripts/assemble_tcells.py"
