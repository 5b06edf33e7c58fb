"""Make resources/perturbations.tsv, what T cells express when something is done to them.

    TILT_REAL_DATA=folder python tests/benchmark/perturbation_table.py

IFNB         T cells without CD8 counts of eight lupus patients, six hours with interferon beta
             against without (GSE96583; Kang 2018, doi:10.1038/nbt.4042): lineages by tilt, counts
             summed by donor and condition, mean difference of log2 CPM over the donors, genes of
             q < 0.05 (paired t) and twofold or more, without those that monocytes shed
             (IFN1_AMBIENT_SENTINEL) and names made unique by a number
AHR_AGONIST  signs of the set AHR_T_EXT of signatures.tsv (1 rises, -1 falls; no fold changes)
JUN_TARGETS  signs of the targets of JUN in regulons.tsv
"""

import os
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import stats

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow")]

from tilt.donors import pseudobulk  # noqa: E402
from tilt.genes import tables  # noqa: E402
from tilt.labels import lineage  # noqa: E402

KANG = "kang_harmony_2000cells_9015genes_ctrl_stim.h5ad"
LEAST_COUNTS = 20  # of a gene, over all donors
LEAST_CHANGE = 1.0  # log2
LEVEL = 0.05
COLUMNS = ["perturbation", "gene", "log2_fold_change", "source", "license"]


def interferon(folder: Path) -> pd.DataFrame:
    """Genes of the response of T cells to interferon beta: gene, log2_fold_change."""
    resources = ROOT / "resources"
    markers = tables.read_markers(resources / "markers.tsv")
    aliases = tables.read_aliases(resources / "gene_aliases.tsv")
    cells = ad.read_h5ad(folder / KANG)
    cells = cells[(cells.obs["demuxlet"] == "SNG").to_numpy()].copy()
    about = cells.obs[["donor", "condition"]].astype(str)
    cells = tables.standardize(ad.AnnData(cells.X, obs=about, var=cells.var), aliases)
    sums = {}
    for condition, part in about.groupby("condition"):
        mine = cells[part.index].copy()
        found = lineage.lineages(mine, markers)
        cd8 = tables.locate(mine.var, ["CD8A", "CD8B"])
        helper = np.asarray(mine[:, list(cd8)].X.sum(axis=1)).ravel() == 0
        kept = (found["lineage"] == "T").to_numpy() & (found["look_alike"] == "") & helper
        for donor, rows in mine.obs[kept].groupby("donor"):
            sums[donor, condition] = np.asarray(mine[rows.index].X.sum(axis=0)).ravel()
            print(f"{donor} {condition}: {len(rows)} cells")
    counts = pd.DataFrame(sums, index=cells.var["gene_symbol"]).T.astype(float)
    values = pd.DataFrame(pseudobulk.log_cpm(counts.to_numpy()), counts.index, counts.columns)
    change = values.xs("stim", level=1) - values.xs("ctrl", level=1)
    change = change.loc[:, counts.sum() >= LEAST_COUNTS]
    p = stats.ttest_1samp(change, 0).pvalue
    table = pd.DataFrame({"log2_fold_change": change.mean().round(2)})
    sure = stats.false_discovery_control(p) < LEVEL
    kept = sure & (table["log2_fold_change"].abs() >= LEAST_CHANGE)
    sets = tables.read_signatures(resources / "signatures.tsv")
    shed = set(sets.loc[sets["set"] == "IFN1_AMBIENT_SENTINEL", "gene"])
    kept &= ~table.index.isin(shed) & ~table.index.str.contains(r"\.\d+$")
    print(f"{len(change)} donors, {len(p)} genes tested, {sure.sum()} of q < {LEVEL}")
    return table[kept].sort_values("log2_fold_change", ascending=False).reset_index(names="gene")


def signs() -> pd.DataFrame:
    """Signed sets of signatures.tsv and regulons.tsv, in the columns of the table."""
    sets = tables.read_signatures(ROOT / "resources" / "signatures.tsv")
    ahr = sets[(sets["set"] == "AHR_T_EXT") & (sets["gene"] != "AHR")]
    edges = pd.read_csv(ROOT / "resources" / "regulons.tsv", sep="\t", dtype=str)
    jun = edges[(edges["source"] == "JUN") & (edges["target"] != "JUN")]
    parts = {
        "AHR_AGONIST": pd.DataFrame({"gene": ahr["gene"], "w": ahr["weight"], "s": ahr["source"]}),
        "JUN_TARGETS": pd.DataFrame(
            {"gene": jun["target"], "w": jun["weight"].astype(float), "s": jun["evidence"]}
        ),
    }
    table = pd.concat([part.assign(perturbation=name) for name, part in parts.items()])
    return table.rename(columns={"w": "log2_fold_change", "s": "source"}).assign(license="facts")


def main() -> None:
    found = interferon(Path(os.environ["TILT_REAL_DATA"]))
    source = "doi:10.1038/nbt.4042;GEO:GSE96583"
    found = found.assign(perturbation="IFNB", source=source, license="computed from public counts")
    table = pd.concat([found, signs()])[COLUMNS]
    table.to_csv(
        ROOT / "resources" / "perturbations.tsv",
        sep="\t",
        index=False,
        float_format="%g",
        lineterminator="\n",
    )
    print(table.groupby("perturbation").size().to_dict())


if __name__ == "__main__":
    main()
