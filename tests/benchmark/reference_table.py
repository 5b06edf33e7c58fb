"""Make resources/reference.tsv, the expected rates of genes in sorted T cells.

    TILT_REAL_DATA=folder python tests/benchmark/reference_table.py

Mean transcripts per million of the sorted types of Monaco 2019 (PMID:30726743), as the Human
Protein Atlas publishes them. Genes: the thousand that differ most between T-cell types (standard
deviation of log2(TPM + 2)), with 10 or more TPM in one of them, and the markers of branches and
subsets; without the families in resources/excluded_genes.tsv.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "workflow")]

import bulk_simulation  # noqa: E402
from benchmark import annotation_cases as cases  # noqa: E402
from tilt.genes import tables  # noqa: E402

N_GENES = 1000
LEAST = 10  # transcripts per million in the type of highest expression
OFFSET = 2.0


def main() -> None:
    shipped = cases.read_tables()
    path = Path(os.environ["TILT_REAL_DATA"]) / bulk_simulation.PROFILES
    bulk = pd.read_csv(path).drop(columns="Gene").set_index("Gene name")
    bulk.index = [shipped.aliases.get(name, name) for name in bulk.index]
    types = bulk_simulation.TYPES | {"T-reg": "CD4_Treg"}
    level = bulk[list(types)].rename(columns=types).groupby(level=0).sum()
    named = tables.excluded(pd.Series(level.index), shipped.excluded).to_numpy()
    rows = shipped.markers[shipped.markers["level"].isin([1, 2])]
    markers = {g for column in ("positive", "negative") for genes in rows[column] for g in genes}
    spread = np.log2(level + OFFSET).std(axis=1)
    free = (named == "") & (level.max(axis=1) >= LEAST)
    chosen = spread[free].sort_values(ascending=False, kind="stable").index[:N_GENES]
    chosen = sorted(set(chosen) | (markers & set(level.index)))
    out = level.loc[chosen].round(1).rename_axis("gene")
    out.to_csv(cases.RESOURCES / "reference.tsv", sep="\t", lineterminator="\n")
    print(f"{len(out)} genes, {len(markers - set(level.index))} markers are not in the profiles")


if __name__ == "__main__":
    main()
