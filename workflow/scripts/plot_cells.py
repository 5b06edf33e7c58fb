"""UMAP of a cohort's T cells by subset, condition and batch."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from pathlib import Path

from tilt import blocks, tables
from tilt.figures import embedding, style
from tilt.figures.names import Cohort

obs = blocks.open_store(snakemake.input.counts).obs[["donor", "condition", "batch"]]
cells = tables.read(snakemake.input.umap).rename(columns={"umap1": "x", "umap2": "y"})
labels = tables.read(snakemake.input.labels, usecols=["cell", "subset"])
cells = cells.merge(labels, on="cell", validate="1:1").merge(
    obs.astype(str), left_on="cell", right_index=True, validate="1:1"
)
cohort = Cohort(**snakemake.params.cohort)
figure, table = embedding.draw(cells, cohort, snakemake.params.seed)
style.save(figure, table, Path(snakemake.output.umap).with_suffix(""))
log.info("%d cells, %d drawn", len(cells), len(table))
