"""Labels of a CellTypist model for a cohort's T cells, and how far ours agree with them."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.core.terms import LEVELS
    from tilt.genes import tables as gene_tables
    from tilt.io import store as blocks
    from tilt.labels import author_labels, celltypist

    store = blocks.open_store(snakemake.input.counts)
    found = celltypist.predict(
        blocks.iter_rows(store),
        store.var["gene_symbol"].astype(str),
        celltypist.read_model(snakemake.input.model),
        gene_tables.read_aliases(snakemake.input.aliases),
    )
    found.insert(0, "cell", store.obs.index.to_numpy())
    ours = tables.read(snakemake.input.labels).set_index("cell").loc[found["cell"]]
    for level in LEVELS:
        ours[level] = ours.get(f"own_{level}", ours[level])
    compared, pairs = author_labels.compare(found["celltypist_label"], ours, None, None)
    tables.write(found, snakemake.output.cells)
    tables.write(compared, snakemake.output.agreement)
    tables.write(pairs.rename(columns={"author": "celltypist"}), snakemake.output.confusion)
    log.info("cells per label: %s", found["celltypist_label"].value_counts().to_dict())


if __name__ == "__main__":
    main(snakemake)
