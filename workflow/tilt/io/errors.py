"""Raw data that cannot be used, and what every reader of it knows: ids, counts, features."""

import functools
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{11}")
# Names of antibody tags and hashtags, as features files without a column of types hold them.
TAG = re.compile(
    r"total[-_ ]?seq|[-_.](?:ADT|prot|protein|HTO|pAbO|Ab)$|\|pAbO|^(?:ADT|HTO|Ab|prot)[-_. ]"
    r"|^HTO\d|hashtag|isotype|IgG\d?[abk]*[-_. ]*(?:control|ctrl|isotype)",
    re.IGNORECASE,
)
CLUSTER = re.compile(r"^CD\d+[A-Za-z]{0,3}(?:[-_. /].*)?$|^HLA[-_.]?D[PQR]|^Ig[GMDAE]\b|^TCR")
MAX_COUNT = np.iinfo(np.int32).max


class BadSample(ValueError):
    """Raw data of a sample that cannot be used; says which sample, which file, why, the fix."""

    def __init__(self, sample: str, file: str | Path, wrong: str, fix: str):
        self.sample, self.file, self.wrong, self.fix = sample, str(file), wrong, fix
        where = f"sample {sample}" if sample else "sample"
        super().__init__(f"{where}: {self.file}: {wrong}. Fix: {fix}.")


def not_counts(values: np.ndarray) -> str:
    """Why these matrix values are not counts, in words; empty when they are."""
    if values.size == 0:
        return ""
    if values.dtype.kind == "b":
        return "holds true and false, no numbers of molecules"
    if values.dtype.kind in "iu":
        low, high = float(values.min()), float(values.max())
    else:
        if not np.isfinite(values).all():
            return "holds missing or infinite values (NaN, Inf)"
        low, high = float(values.min()), float(values.max())
    if low < 0:
        return f"holds negative values (smallest {low:.4g}): these look scaled or batch-adjusted"
    if values.dtype.kind == "f":
        broken = values != np.rint(values)
        if broken.any():
            kind = "log-transformed" if high < 30 else "scaled to a common depth"
            return (
                f"holds values that are not whole numbers (for instance {values[broken][0]:.4g}, "
                f"largest {high:.4g}): these look normalized ({kind})"
            )
    if high > MAX_COUNT:
        return f"holds a count of {high:.4g}, more than a cell can have"
    return ""


def split_features(features: list[list[str]]) -> tuple[list[str], list[str], np.ndarray | None]:
    """Ids, symbols and rows to keep (None = all) of a 10x genes or features table.

    Columns: id, symbol, type; a single column is taken for both. Only the type Gene Expression
    is kept (antibody and guide features are not genes). A symbol that is missing is the id.
    """
    keep = None
    if len(features[0]) >= 3:
        kinds = {line[2] for line in features if len(line) > 2}
        if "Gene Expression" in kinds and len(kinds) > 1:
            keep = np.array([line[2:3] == ["Gene Expression"] for line in features])
            log.info("%d features are left out, which are no genes by their type", (~keep).sum())
            features = [line for line, kept in zip(features, keep, strict=True) if kept]
    ids = [line[0] for line in features]
    symbols = [line[1] if len(line) > 1 and line[1] else line[0] for line in features]
    swapped = ENSEMBL.match(symbols[0]) and not ENSEMBL.match(ids[0])
    return (symbols, ids, keep) if swapped else (ids, symbols, keep)


def tags(ids: Sequence[str], symbols: Sequence[str]) -> np.ndarray:
    """Which features are antibody tags, told from their names alone (bool, one a feature).

    Where most features have an Ensembl id, one without it that is called like a surface protein
    (CD45RA, HLA-DR, IgG1) is a tag too: its gene has an id.
    """
    return _tags(tuple(ids), tuple(symbols))


@functools.lru_cache(maxsize=2)  # samples of a cohort have the same names
def _tags(ids: tuple[str, ...], symbols: tuple[str, ...]) -> np.ndarray:
    names = list(zip(ids, symbols, strict=True))
    found = np.array([any(map(TAG.search, both)) for both in names], dtype=bool)
    has_id = np.array([bool(ENSEMBL.match(name)) for name in ids], dtype=bool)
    if has_id.mean() > 0.5:
        protein = np.array([any(map(CLUSTER.match, both)) for both in names], dtype=bool)
        return ~has_id & (found | protein)
    return found
