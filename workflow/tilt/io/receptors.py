"""T-cell receptors of a sample: productive chains from contigs of Cell Ranger or AIRR tables."""

import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tilt.core import numerals
from tilt.core.text import count, few
from tilt.io.errors import MAX_COUNT, BadSample
from tilt.io.receptor_columns import ALPHA, BETA, CHAINS, GIVE, columns, head, lacking

CALLED = ("is_cell", "high_confidence")  # of all_contig_annotations.csv: both must be true
TRUE = {"true", "t", "1", "1.0", "yes"}
FALSE = {"false", "f", "0", "0.0", "no"}
NONE = {"", "none", "na", "nan", "null"}  # as Cell Ranger, R and pandas write what is not known
GAMMA_DELTA = {"TRG", "TRD"}
CORE = re.compile(r"[ACGTN]{10,}")  # the barcode in a name that was joined to others
LONGEST = 40  # characters of a CDR3 that are shown
LEAST = 0.1  # of the barcodes of the smaller side; by chance 10x barcodes of two samples share 1 %


def read(path: str | Path, sample: str) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """Productive alpha and beta chains of a sample, numbers of its contigs, and notes on them.

    Returns a table with a row a chain (:data:`tilt.io.receptor_columns.CHAINS`: cell is the barcode
    as found; v and j without allele; cdr3 with both anchors, amino acids and nucleotides; umis 0
    where the table has none), the strongest of each cell first; ``n_contigs`` and
    ``n_productive``. Raises BadSample.
    """
    path = Path(path)
    try:
        names, separator = head(path)
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(sample, path, error) from error
    meant, lost = columns(names)
    if lost:
        raise BadSample(sample, path, lacking(names, lost), GIVE)
    try:
        wanted = [*meant.values(), *(name for name in CALLED if name in names)]
        how: dict = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
        how["index_col"] = False  # rows longer than the header would be read one column aside
        table = pd.read_csv(path, sep=separator, usecols=wanted, **how)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _broken(sample, path, error) from error
    called = table.loc[:, [name for name in CALLED if name in table]]
    table = table[called.apply(lambda c: c.str.lower().isin(TRUE)).all(axis=1)]
    n_contigs = len(table)
    said = table[meant["productive"]].str.strip().str.lower()
    odd = table.loc[~said.isin(TRUE | FALSE | NONE), meant["productive"]]
    if len(odd):
        wrong = f"{meant['productive']} is {few(sorted(set(odd)))} in {count(len(odd), 'contig')}"
        raise BadSample(sample, path, wrong, "write True or False, or T or F")
    good = said.isin(TRUE)
    table = table.rename(columns={old: new for new, old in meant.items()})[good]
    table = table.where(~table.apply(lambda c: c.str.strip().str.lower()).isin(NONE), "")
    for gene in ("v", "j"):  # AIRR lists alleles, the likeliest first; IMGT puts the species before
        table[gene] = table[gene].str.split(",").str[0].str.split("*").str[0].str.split().str[-1]
        table[gene] = table[gene].fillna("")
    locus = table.get("locus", pd.Series("", index=table.index))
    table["locus"] = locus.where(locus != "", table["v"].str[:3])
    if len(table) and (table["cell"] == "").all():
        wrong, fix = "no contig has the barcode of a cell", "give receptors of single cells"
        raise BadSample(sample, path, wrong, fix)
    table["cdr3"] = table["cdr3"].str.upper()
    table["cdr3_nt"] = table["cdr3_nt"].str.upper()
    table["umis"] = _molecules(table.get("umis", pd.Series("", table.index)), sample, path)
    chains = table[table["locus"].isin((ALPHA, BETA)) & (table["cell"] != "")]
    if len(table) and chains.empty:
        kinds = few(sorted(set(table["locus"])))
        wrong = f"no productive TRA or TRB chain among {len(table)} ({kinds})"
        fix = "give the contigs of T cells (vdj_t), not those of B cells (vdj_b)"
        if set(table["locus"]) <= GAMMA_DELTA:
            fix = "gamma-delta chains make no clones here: leave `vdj` of this sample empty"
        raise BadSample(sample, path, wrong, fix)
    empty = (chains["cdr3_nt"] == "") | (chains["v"] == "") | (chains["j"] == "")
    odd = ~chains["cdr3"].str.fullmatch("[A-Z0-9]*") | ~chains["cdr3_nt"].str.fullmatch("[A-Z0-9]*")
    unsequenced = empty | odd
    notes = []
    if len(table) > len(chains):
        others = table.loc[~table["locus"].isin((ALPHA, BETA)), "locus"]
        told = few([f"{name or 'unknown'} {n}" for name, n in others.value_counts().items()])
        notes.append(f"chains that are no TRA or TRB left out: {told}")
    if empty.any():
        notes.append(f"{count(int(empty.sum()), 'chain')} without V, J or CDR3 left out")
    if (odd & ~empty).any():
        first = ascii(chains.loc[odd & ~empty, "cdr3"].iloc[0][:LONGEST])
        many = count(int((odd & ~empty).sum()), "chain")
        notes.append(f"{many} whose CDR3 is no sequence left out (first {first})")
    chains = chains[~unsequenced]
    key = ["cell", "locus", "v", "j", "cdr3", "cdr3_nt"]
    chains = chains.groupby(key, sort=True, as_index=False)["umis"].sum()
    order = ["cell", "locus", "umis", "cdr3_nt"]
    chains = chains.sort_values(order, ascending=[True, True, False, True], kind="stable")
    numbers = {"n_contigs": n_contigs, "n_productive": int(good.sum())}
    return chains[list(CHAINS)].reset_index(drop=True), numbers, notes


def _molecules(values: pd.Series, sample: str, path: Path) -> pd.Series:
    """Molecules of contigs as whole numbers, 0 where they are not told; raises BadSample."""
    known = values[values != ""]
    found = known.map(numerals.number)
    odd = known[[n is None or not 0 <= n <= MAX_COUNT for n in found]]
    if len(odd):
        wrong = f"the molecules are {few(sorted(map(ascii, set(odd))))} in "
        fix = "write whole numbers, without commas"
        raise BadSample(sample, path, wrong + count(len(odd), "contig"), fix)
    return found.reindex(values.index).astype(float).fillna(0).astype(int)


def _broken(sample: str, path: Path, error: Exception) -> BadSample:
    wrong = f"the table of receptors is not whole ({str(error).strip()})"
    return BadSample(sample, path, wrong, "fetch it again")


def of_sample(
    chains: pd.DataFrame, cells: Mapping[str, list[str]], sample: str, path: str | Path
) -> tuple[pd.DataFrame, int]:
    """The chains of the cells of a sample, their barcodes as the cells have them.

    ``cells``: the barcodes that were read of every sample of the cohort. They are compared as they
    are, else by their bases alone, where these are unique (-1, or a name joined to them). Returns
    the chains that are left and the number of barcodes without a cell. Raises BadSample where fewer
    than a tenth of the smaller side agree, with the sample that they fit, if there is one.
    """
    own = pd.Index(cells[sample], dtype=object)
    found = pd.Index(chains["cell"].unique(), dtype=object)
    least = LEAST * min(len(own), len(found))
    at = own.get_indexer(found)
    if (at >= 0).sum() < least:
        short, bare = _core(own), _core(found)
        if short.is_unique and bare.is_unique:
            at = short.get_indexer(bare)
    n = int((at >= 0).sum())
    if n < least:
        shared = {
            name: _core(found).isin(_core(pd.Index(other))).sum() for name, other in cells.items()
        }
        best = max(shared, key=lambda name: shared[name])
        wrong = (
            f"{n} of {len(found)} barcodes with a receptor are among the {len(own)} of the sample "
            f"(receptors {found[0]}, cells {own[0]})"
        )
        fix = "these are the receptors of another library, or barcodes are renamed: correct `vdj`"
        if best != sample and shared[best] >= least:
            wrong += f"; {shared[best]} are among those of sample {best}"
        raise BadSample(sample, path, wrong, fix)
    name = dict(zip(found[at >= 0], own[at[at >= 0]], strict=True))
    kept = chains[chains["cell"].isin(list(name))]
    return kept.assign(cell=kept["cell"].map(name)), len(found) - n


def _core(names: pd.Index) -> pd.Index:
    """The bases of barcodes, or the whole name where there are none."""
    bases = names.to_series().astype(str).str.extract(f"({CORE.pattern})", expand=False)
    return type(names)(bases.fillna(names.to_series()).to_numpy(), dtype=object)
