"""Genes: the marker and signature tables, names old and new, and the lists of excluded genes.

Everything here works on names and on a count matrix; nothing knows what a cell is.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from tilt.genes import spelling

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)

MARKER_COLUMNS = ["level", "label", "parent", "positive", "negative"]
MARKER_COLUMNS += ["compartment", "source", "evidence", "note"]
DEFAULT_SHARE = 0.01
SHARES = Path(__file__).resolve().parents[3] / "resources" / "shares.tsv"
COMPARTMENTS = ("", "naive", "memory", "treg")
EVIDENCE = ("published", "textbook", "measured")

_ENSEMBL = re.compile(r"^ENSG\d{11}(\.\d+)?$")
_VERSION = re.compile(r"\.\d+(?=$|_PAR_Y$)")
_GENOME_PREFIX = re.compile(r"^(GRCh3[78]|hg19|hg38)_+", re.IGNORECASE)
_ID_COLUMNS = ("gene_ids", "gene_id", "ensembl", "ensembl_id", "feature_id")
_SYMBOL_COLUMNS = (
    "gene_symbol",
    "gene_symbols",
    "symbol",
    "gene_name",
    "gene_names",
    "feature_name",
)
_LAST: list = []  # aliases, names and answer of the last call of `names_of`


# ------------------------------------------------------------------ tables


def read_markers(path: str | Path, shares: str | Path = SHARES) -> pd.DataFrame:
    """Read the marker table (``resources/markers.tsv``).

    Returns a table with one row a label and the columns level (int), label, parent, positive
    and negative (lists of current symbols), compartment (naive, memory, treg or ""), source,
    evidence, note and share: the typical share of the label (of blood leukocytes at level 0, of
    blood T cells below), a weak prior read from the table ``shares`` (label, share); 0.01 for
    a label that is not listed there, which the log says.

    Raises ValueError naming every bad row: missing column, label twice, unknown parent or
    compartment, no positive gene, a gene both positive and negative.
    """
    table = _read(path, MARKER_COLUMNS[:5])
    for column in MARKER_COLUMNS[5:]:
        if column not in table:
            table[column] = ""
    table["level"] = table["level"].astype(int)
    table["share"] = table["label"].map(_shares(Path(shares)))
    new = table.loc[table["share"].isna(), "label"].tolist()
    if new:
        log.info("no typical share of %s: %s each", ", ".join(new), DEFAULT_SHARE)
    table["share"] = table["share"].fillna(DEFAULT_SHARE)
    for column in ("positive", "negative"):
        table[column] = [text.split() for text in table[column]]
    problems = []
    known = set(table["label"]) | {"PBMC"}
    for row in table.itertuples():
        where = f"{path}, label {row.label}"
        if row.parent not in known:
            problems.append(f"{where}: unknown parent {row.parent!r}; known: {sorted(known)}")
        if row.compartment not in COMPARTMENTS:
            problems.append(f"{where}: compartment {row.compartment!r} is not in {COMPARTMENTS}")
        if not 0 < row.share <= 1:
            problems.append(f"{where}: share {row.share} is not in (0, 1]")
        if not row.positive:
            problems.append(f"{where}: no positive gene")
        both = set(row.positive) & set(row.negative)
        if both:
            problems.append(f"{where}: both positive and negative: {sorted(both)}")
    twice = table["label"][table["label"].duplicated()]
    problems += [f"{path}: label {label} is defined twice" for label in twice]
    if problems:
        raise ValueError("\n".join(problems))
    return table[[*MARKER_COLUMNS, "share"]]


def _shares(path: Path) -> dict[str, float]:
    table = _read(path, ["label", "share"])
    return dict(zip(table["label"], table["share"].astype(float), strict=True))


def read_signatures(path: str | Path) -> pd.DataFrame:
    """Read the signature table: gene, ensembl, set, weight (float), tier (int), source, ..."""
    table = _read(path, ["gene", "set", "weight"])
    table["weight"] = table["weight"].astype(float)
    if "tier" in table:
        table["tier"] = table["tier"].astype(int)
    twice = table.duplicated(["set", "gene"])
    if twice.any():
        bad = (table["set"] + ":" + table["gene"])[twice].tolist()
        raise ValueError(f"{path}: gene twice in a set: {bad}")
    return table


def read_aliases(path: str | Path) -> dict[str, str]:
    """Read names of genes: old symbol, or Ensembl id, -> current symbol."""
    table = _read(path, ["old", "current"])
    return dict(zip(table["old"], table["current"], strict=True))


def read_excluded(path: str | Path) -> pd.DataFrame:
    """Read the lists of excluded genes: list, kind (regex or gene), value, source."""
    table = _read(path, ["list", "kind", "value"])
    bad = sorted(set(table["kind"]) - {"regex", "gene"})
    if bad:
        raise ValueError(f"{path}: kind {bad} is not allowed; allowed: regex, gene")
    return table


def _read(path: str | Path, needed: Iterable[str]) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, comment="#")
    missing = [column for column in needed if column not in table]
    if missing:
        raise ValueError(f"{path}: missing column(s) {missing}; it has {list(table.columns)}")
    return table


def excluded(symbols: Iterable[str], table: pd.DataFrame) -> pd.Series:
    """Name the list(s) each symbol is in, joined by commas; "" when it is in none.

    Parameters: ``symbols`` current gene symbols; ``table`` from :func:`read_excluded`.
    Returns a Series indexed by symbol.
    """
    names = pd.Index(symbols)
    hits = pd.Series("", index=names)
    for name, rows in table.groupby("list", sort=False):
        inside = names.isin(rows.loc[rows["kind"] == "gene", "value"])
        patterns = rows.loc[rows["kind"] == "regex", "value"]
        if len(patterns):
            either = re.compile("|".join(f"(?:{p})" for p in patterns))
            inside |= np.array([bool(either.search(s)) for s in names], dtype=bool)
        hits = hits.where(~inside, hits + "," + name)
    return hits.str.lstrip(",")


# ------------------------------------------------------------------ names


def naming(names: Iterable[str]) -> str:
    """Say which naming a list of gene names uses.

    One of: ``Ensembl ids``, ``Ensembl ids with version``, ``symbols``, ``mixed Ensembl ids and
    symbols``, ``mouse Ensembl ids``, ``mouse symbols``, ``Entrez numbers``, ``transcript ids``.
    """
    names = [_GENOME_PREFIX.sub("", str(name)) for name in names]
    if not names:
        return "no names at all"

    def share(pattern: str) -> float:
        return sum(bool(re.match(pattern, name)) for name in names) / len(names)

    human = share(r"ENSG\d{11}")
    if human > 0.9:
        return "Ensembl ids with version" if share(r"ENSG\d{11}\.\d+$") > 0.5 else "Ensembl ids"
    if human > 0.01:
        return "mixed Ensembl ids and symbols"
    for pattern, kind in (
        (r"ENSMUSG\d+", "mouse Ensembl ids"),
        (r"ENST\d{11}", "transcript ids"),
        (r"\d+$", "Entrez numbers"),
        (r"[A-Z][a-z]+[a-z0-9-]*$", "mouse symbols"),
    ):
        if share(pattern) > 0.5:
            return kind
    return "symbols"


def names_of(var: pd.DataFrame, aliases: Mapping[str, str]) -> pd.DataFrame:
    """Work out Ensembl id (without version, "" if unknown) and current symbol of each gene.

    ``var``: index of names, and optionally the columns in which readers keep the other naming
    (gene_ids, gene_symbol, feature_name, ...). Returns columns id, symbol in the order of var;
    ``attrs["notes"]`` says which spellings were changed (:func:`tilt.genes.spelling.corrected`).
    The last answer is kept: samples of a job name the same genes, and a twelfth of the time of a
    sample of 2,000 cells went into names.
    """
    asked = var[[c for c in (*_ID_COLUMNS, *_SYMBOL_COLUMNS) if c in var]]
    if _LAST and _LAST[0] is aliases and asked.equals(_LAST[1]):
        return _LAST[2].copy()
    found = _names_of(asked, aliases)
    _LAST[:] = aliases, asked.copy(), found
    return found.copy()


def _names_of(var: pd.DataFrame, aliases: Mapping[str, str]) -> pd.DataFrame:
    index = spelling.corrected(var.index, aliases)
    notes = list(index.notes)
    ids = np.array([_VERSION.sub("", name) for name in index.ids], dtype=object)
    symbols = np.array(index.symbols, dtype=object)
    symbols[ids != ""] = ""
    for column in (c for c in _ID_COLUMNS if c in var):
        values = var[column].astype(str)
        found = [_VERSION.sub("", v) if _ENSEMBL.match(v) else "" for v in values]
        ids = np.where(ids == "", found, ids)
    for column in (c for c in _SYMBOL_COLUMNS if c in var):
        column_names = spelling.corrected(var[column].astype(str), aliases)
        notes += [note for note in column_names.notes if note not in notes]
        useful = ["" if name in ("nan", "None") else name for name in column_names.symbols]
        symbols = np.where(symbols == "", useful, symbols)
        ids = np.where(ids == "", [_VERSION.sub("", name) for name in column_names.ids], ids)
    symbols = np.where(symbols == "", index.symbols, symbols)
    current = [
        aliases.get(i) or aliases.get(s) or s or i for i, s in zip(ids, symbols, strict=True)
    ]
    table = pd.DataFrame({"id": ids, "symbol": current}, index=var.index)
    table.attrs["notes"] = notes
    return table


def current(names: Iterable[str], aliases: Mapping[str, str], where: str) -> list[str]:
    """Current symbols of the genes that a table names, by the road of a matrix (`names_of`).

    ``where``: the table, for the log, which says how many names were old, ids, or spelled by
    another program. A name that nothing is known of stays as it is.
    """
    names = list(names)
    made = names_of(pd.DataFrame(index=names), aliases)
    symbols = made["symbol"].astype(str).tolist()
    new = {old: symbol for old, symbol in zip(names, symbols, strict=True) if old != symbol}
    for note in made.attrs["notes"]:
        log.warning("%s: %s", where, note)
    if new:
        few = ", ".join(f"{old} is {symbol}" for old, symbol in list(new.items())[:3])
        log.warning(
            "%s: %d of %d genes by their current names (%s)", where, len(new), len(set(names)), few
        )
    return symbols


def standardize(adata: "ad.AnnData", aliases: Mapping[str, str]) -> "ad.AnnData":
    """Give every gene its Ensembl id and current symbol, and sum what is the same gene twice.

    Parameters: ``adata`` cells x genes, X dense or sparse; names may be Ensembl ids with or
    without version, symbols old or new, or a mixture; ``aliases`` from :func:`read_aliases`.

    Returns a new AnnData: X CSR; ``var.index`` = Ensembl id without version where the source has
    one, else the current symbol; ``var["gene_symbol"]`` = current symbol, unique. Rows of the
    matrix that name the same gene are summed (never densified). obs, obsm and uns are kept;
    ``uns["notes"]`` gains a sentence for each kind of spelling that was changed, with its number.
    """
    import anndata as ad

    names = names_of(adata.var, aliases)
    for note in names.attrs["notes"]:
        log.warning("%s", note)
    groups, symbols = pd.factorize(names["symbol"], sort=False)
    ids = names["id"].to_numpy()
    index = np.array(symbols, dtype=object)
    for position in range(len(ids) - 1, -1, -1):
        if ids[position]:
            index[groups[position]] = ids[position]
    counts = sparse.csr_matrix(adata.X)
    if len(symbols) < len(names):
        join = sparse.csr_matrix(
            (np.ones(len(groups), dtype=counts.dtype), (np.arange(len(groups)), groups)),
            shape=(len(groups), len(symbols)),
        )
        counts = (counts @ join).tocsr()
        counts.sort_indices()
        log.info("%d gene rows summed into %d genes", len(names), len(symbols))
    first = pd.Series(np.arange(len(groups))).groupby(groups).first().to_numpy()
    var = adata.var.iloc[first].drop(columns=["gene_symbol"], errors="ignore").copy()
    var.index = pd.Index(index.astype(str))
    var.insert(0, "gene_symbol", np.asarray(symbols, dtype=str))
    return ad.AnnData(
        X=counts,
        obs=adata.obs.copy(),
        var=var,
        obsm={key: value for key, value in adata.obsm.items()},
        uns={**adata.uns, "notes": [*adata.uns.get("notes", []), *names.attrs["notes"]]},
    )


def locate(var: pd.DataFrame, symbols: Iterable[str]) -> pd.Series:
    """Find symbols in a standardized matrix: Series symbol -> name in ``var.index``.

    An Ensembl id of the index is found, too. Symbols that are absent are left out; the order is
    that of ``symbols``, each once.
    """
    wanted = dict.fromkeys(symbols)
    names = var.index.tolist()
    where = {name: name for name in names if name in wanted}
    if "gene_symbol" in var:
        given = zip(var["gene_symbol"].tolist(), names, strict=True)
        where |= {symbol: name for symbol, name in given if symbol in wanted}
    return pd.Series({s: where[s] for s in wanted if s in where}, dtype=object)


def require(var: pd.DataFrame, symbols: Iterable[str], what: str = "marker genes") -> pd.Series:
    """Locate symbols; raise ValueError when most can't be found.

    The message names how many were found and which naming the matrix seems to use. A tenth is
    enough to go on (published subsets of ~1,300 genes hold a quarter of the markers); a matrix in
    another naming, or of another species, holds next to none.
    """
    wanted = list(dict.fromkeys(symbols))
    found = locate(var, wanted)
    if len(found) < 0.1 * len(wanted):
        raise ValueError(
            f"only {len(found)} of {len(wanted)} {what} were found among {len(var)} genes; "
            f"the names look like {naming(var.index)} (first: {list(var.index[:5])}). "
            "tilt needs human gene symbols or human Ensembl ids (ENSG...)."
        )
    return found
