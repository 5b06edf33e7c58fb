"""UMAP of a cohort's T cells, and their labels against those of the authors."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from pathlib import Path

from tilt.core import tables
from tilt.io import store
from tilt.figures import embedding, labels, style
from tilt.figures.names import Cohort

wanted = ["sample", "donor", "batch", "author_label"]
obs = store.open_store(snakemake.input.counts).obs.reindex(columns=wanted)
conditions = tables.read(snakemake.input.samples).set_index("sample")["condition"]
obs["condition"] = obs["sample"].astype(str).map(conditions)
cells = tables.read(snakemake.input.umap).rename(columns={"umap1": "x", "umap2": "y"})
names = ["cell", "subset", "own_subset"]
subsets = tables.read(snakemake.input.labels, columns=names)
cells = cells.merge(subsets, on="cell", validate="1:1").merge(
    obs.astype(object), left_on="cell", right_index=True, validate="1:1"
)
cohort = Cohort(**snakemake.params.cohort)
figure, table = embedding.draw(cells, cohort, snakemake.params.seed)
style.save(figure, table, Path(snakemake.output.umap).with_suffix(""))
own = cells.assign(subset=cells.get("own_subset", cells["subset"]))
style.save(*labels.draw(own, cohort), Path(snakemake.output.author_labels).with_suffix(""))
log.info("%d cells, %d drawn", len(cells), len(table))
