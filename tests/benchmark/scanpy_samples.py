"""Steps that work on the cells of a sample or a block alone, as scanpy_ways.py has them."""

from scanpy_inputs import SEED, TARGET, by_sample, in_memory, lazy, open_inputs


def qc_tilt(folder, clock):
    from tilt.cells import qc

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for start, stop in by_sample(store):
        counts = store.rows(start, stop)
        clock.lap("read_s")
        qc.metrics(counts, store.var["gene_symbol"])
        clock.lap("work_s")
    return ""


def qc_scanpy(folder, clock):
    import anndata as ad
    import numpy as np
    import scanpy as sc
    from tilt.cells import qc

    store, _ = open_inputs(folder)
    member = qc.families(tuple(store.var["gene_symbol"]))
    flags = list(qc.FAMILIES)
    clock.lap("import_s")
    largest = 0.0
    for start, stop in by_sample(store):
        sample = ad.AnnData(store.rows(start, stop), var=store.var.copy())
        sample.var[flags] = member
        clock.lap("read_s")
        sc.pp.calculate_qc_metrics(
            sample, qc_vars=flags, percent_top=None, log1p=False, inplace=True
        )
        clock.lap("work_s")
        ours = qc.metrics(sample.X, store.var["gene_symbol"])
        shares = [f"pct_counts_{flag}" for flag in flags]
        theirs = sample.obs[["total_counts", "n_genes_by_counts", *shares]]
        largest = max(largest, float(np.nanmax(np.abs(ours.to_numpy() - theirs.to_numpy()))))
        clock.lap("compared")
    return f"largest difference {largest:.1g}"


def scrublet_tilt(folder, clock):
    from tilt.cells import doublets

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for start, stop in by_sample(store):
        counts = store.rows(start, stop)
        clock.lap("read_s")
        rate = doublets.expected_rate(stop - start, 0.008)
        doublets.scores(counts, rate, SEED)
        clock.lap("work_s")
    return ""


def scrublet_scanpy(folder, clock):
    import anndata as ad
    import numpy as np
    import scanpy as sc
    from scipy.stats import spearmanr
    from tilt.cells import doublets

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    near = []
    for start, stop in by_sample(store):
        sample = ad.AnnData(store.rows(start, stop).astype(np.float32), var=store.var.copy())
        clock.lap("read_s")
        rate = doublets.expected_rate(stop - start, 0.008)
        sc.pp.scrublet(
            sample, expected_doublet_rate=rate, threshold=0.3, verbose=False, random_state=SEED
        )
        clock.lap("work_s")
        if len(near) < 5:
            ours, _ = doublets.scores(store.rows(start, stop), rate, SEED)
            near.append(spearmanr(ours, sample.obs["doublet_score"])[0])
        clock.lap("compared")
    return f"rank correlation {np.median(near):.2f}"


def normalize_tilt(folder, clock):
    from tilt.cells import normalize
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    clock.lap("import_s")
    for start, counts in blocks.iter_rows(store):
        normalize.log_normalized(counts, n_counts[start : start + counts.shape[0]], TARGET)
    clock.lap("work_s")
    return ""


def normalize_blocks(folder, clock):
    import anndata as ad
    import scanpy as sc
    from tilt.cells import normalize
    from tilt.io import store as blocks

    store, n_counts = open_inputs(folder)
    clock.lap("import_s")
    largest = None
    for _, counts in blocks.iter_rows(store):
        block = ad.AnnData(counts)
        sc.pp.normalize_total(block, target_sum=TARGET)
        sc.pp.log1p(block)
        clock.lap("work_s")
        if largest is None:
            ours = normalize.log_normalized(counts, n_counts[: counts.shape[0]], TARGET)
            largest = abs(ours - block.X).max()
            clock.lap("compared")
    return f"largest difference {largest:.1g}"


def normalized(folder, clock, read):
    import scanpy as sc

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    cells = read(store)
    clock.lap("load_s")
    sc.pp.normalize_total(cells, target_sum=TARGET)
    sc.pp.log1p(cells)
    return cells


def normalize_scanpy(folder, clock):
    normalized(folder, clock, in_memory)
    clock.lap("work_s")
    return ""


def normalize_dask(folder, clock):
    cells = normalized(folder, clock, lambda store: lazy(folder, store))
    for block in cells.X.blocks:
        block.compute()
    clock.lap("work_s")
    return ""


def read_only(folder, clock):
    from tilt.io import store as blocks

    store, _ = open_inputs(folder)
    clock.lap("import_s")
    for _ in blocks.iter_rows(store):
        pass
    clock.lap("work_s")
    return "part of every row that reads by blocks"
