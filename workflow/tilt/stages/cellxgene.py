"""The T cells of a cohort as the schema of CELLxGENE wants them.

Schema 7 (``cellxgene-schema`` 7.1 on PyPI, whose ``validate`` passes): Ensembl ids as names, counts
in ``raw``, ontology terms in ``obs``. What a term may be is the validator's to say.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tilt.core.terms import BRANCH
from tilt.io.errors import ENSEMBL

if TYPE_CHECKING:
    from anndata import AnnData

TERM = "_ontology_term_id"
HUMAN = "NCBITaxon:9606"
SEXES = {"f": "PATO:0000383", "female": "PATO:0000383", "m": "PATO:0000384", "male": "PATO:0000384"}
UNKNOWN = "unknown"
T_CELL = "T"
# Columns of obs that the schema wants, and what stands for those that nobody names; "" has none.
COLUMNS = {
    f"assay{TERM}": "",
    f"disease{TERM}": "",
    f"tissue{TERM}": "",
    "tissue_type": "tissue",
    "suspension_type": "cell",
    f"development_stage{TERM}": UNKNOWN,
    f"self_reported_ethnicity{TERM}": UNKNOWN,
}
# Names that CELLxGENE writes itself from the terms.
RESERVED: tuple[str, ...] = (
    "assay",
    "cell_type",
    "development_stage",
    "disease",
    "sex",
    "tissue",
    "organism",
)
RESERVED += ("self_reported_ethnicity", "observation_joinid")


class NoTerms(ValueError):
    """Terms that the schema wants are not named."""


def exported(
    cells: "AnnData", terms: Mapping, names: Mapping[str, str], title: str
) -> tuple["AnnData", list[str]]:
    """The object for CELLxGENE, and sentences on what was left out.

    Parameters
    ----------
    cells
        T cells as in ``tcells.h5ad``: X log-normalized, counts in the layer, ``gene_ids`` in var.
    terms
        ``cellxgene`` of the cohort file: a term a column of the schema, of the disease one a
        condition. A column of that name in obs (of the sheet) goes before.
    names
        Terms of the Cell Ontology by label (``resources/cell_terms.tsv``).
    title
        Title of the data set.

    Raises
    ------
    NoTerms
        With everything that is not named, and where to name it.
    """
    import anndata

    ids = cells.var["gene_ids"].astype(str)
    kept = ids.str.match(f"{ENSEMBL.pattern}$").to_numpy(bool)
    genes = pd.Index(ids[kept].to_list())
    obs = _columns(cells.obs, terms, names)
    notes = []
    if not kept.all():
        notes.append(f"{(~kept).sum()} of {len(kept)} genes have no Ensembl id and are left out")
    gone = [name for name in RESERVED if name in cells.obs]
    if gone:
        notes.append(f"columns that CELLxGENE makes itself are left out: {', '.join(gone)}")
    counts = anndata.AnnData(
        cells.layers["counts"][:, kept].astype(np.float32),
        obs=obs[[]],
        var=pd.DataFrame(index=genes),
    )
    made = anndata.AnnData(
        cells.X[:, kept],
        obs=obs,
        var=pd.DataFrame({"feature_is_filtered": False}, index=genes),
        obsm={name: np.asarray(cells.obsm[name]) for name in ("X_umap", "X_pca", "X_harmony")},
        uns={"title": title, f"organism{TERM}": HUMAN, "default_embedding": "X_umap"},
    )
    made.raw = counts
    return made, notes


def _columns(obs: pd.DataFrame, terms: Mapping, names: Mapping[str, str]) -> pd.DataFrame:
    """``obs`` with the columns of the schema; raises NoTerms."""
    found = obs.drop(columns=[name for name in RESERVED if name in obs])
    conditions = list(obs["condition"].astype(str).unique())
    lacking = []
    for column, usual in COLUMNS.items():
        if column in obs:
            continue
        given = terms.get(column, usual)
        if not isinstance(given, Mapping):
            given = dict.fromkeys(conditions, given) if given else {}
        if missing := sorted(set(conditions) - set(given)):
            lacking.append(column + (f" of {', '.join(missing)}" if given else ""))
        found[column] = obs["condition"].astype(str).map(given)
    if lacking:
        raise NoTerms(
            f"CELLxGENE wants terms that are not named: {'; '.join(lacking)}. Fix: write them in "
            "the cohort file, as `cellxgene: {tissue_ontology_term_id: UBERON:0000178, ...}` "
            "(docs/scanpy.md), or as columns of the sample sheet"
        )
    if f"sex{TERM}" not in obs:
        sex = obs["sex"].astype(str).str.lower() if "sex" in obs else pd.Series("", obs.index)
        found[f"sex{TERM}"] = sex.map(SEXES).fillna(UNKNOWN)
    if f"cell_type{TERM}" not in obs:
        known, above = (obs[name].astype(str).map(names) for name in ("known", BRANCH))
        found[f"cell_type{TERM}"] = known.fillna(above).fillna(names[T_CELL])
    found["donor_id"] = obs["donor"].astype(str)
    found["is_primary_data"] = bool(terms.get("is_primary_data", True))
    text = found.select_dtypes(["object", "string"]).columns
    return found.astype(dict.fromkeys(text, "category"))
