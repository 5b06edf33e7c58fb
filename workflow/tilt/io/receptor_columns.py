"""Columns of tables of T-cell receptors: those of Cell Ranger and of AIRR, and what a file lacks.

No numerical library is imported here: the workflow asks these questions at every start.
"""

import gzip
from pathlib import Path

from tilt.core.text import count, few

ALPHA, BETA = "TRA", "TRB"
CHAINS = ("cell", "locus", "v", "j", "cdr3", "cdr3_nt", "umis")
# filtered_contig_annotations.csv (Cell Ranger vdj and multi), and AIRR rearrangements (Vander
# Heiden 2018, doi:10.3389/fimmu.2018.02206), whose junction is what 10x calls cdr3: with both
# anchors.
CELLRANGER = {"cell": "barcode", "locus": "chain", "v": "v_gene", "j": "j_gene"}
CELLRANGER |= {"cdr3": "cdr3", "cdr3_nt": "cdr3_nt"}
AIRR = {"cell": "cell_id", "locus": "locus", "v": "v_call", "j": "j_call"}
AIRR |= {"cdr3": "junction_aa", "cdr3_nt": "junction"}
# The first of them that is there.
UMIS = ("umis", "umi_count", "duplicate_count", "consensus_count", "reads")
LINE = 1 << 16  # bytes of the first line that are looked at
GIVE = "give filtered_contig_annotations.csv of Cell Ranger vdj, or an AIRR rearrangement table"


def head(path: str | Path) -> tuple[list[str], str]:
    """Names of the columns of a table, gzipped or not, and what parts them."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace") as handle:
        line = handle.readline(LINE).rstrip("\r\n")
    separator = "\t" if "\t" in line else ","
    return [name.strip('" ') for name in line.split(separator)] if line else [], separator


def columns(names: list[str]) -> tuple[dict[str, str], list[str]]:
    """What the columns of a table are called, and those that it lacks.

    The locus may be absent: names of genes begin with it.
    """
    airr = len(set(AIRR.values()) & set(names)) > len(set(CELLRANGER.values()) & set(names))
    meant = dict(AIRR if airr else CELLRANGER) | {"productive": "productive"}
    if meant["locus"] not in names:
        meant.pop("locus")
    lost = [name for name in meant.values() if name not in names]
    umis = next((name for name in UMIS if name in names), None)
    return meant | ({"umis": umis} if umis else {}), lost


def lacking(names: list[str], lost: list[str]) -> str:
    """What is wrong with a table that lacks columns, in words."""
    said = f"lacks {count(len(lost), 'column')} of a table of receptors ({few(lost, 8)})"
    return f"{said}; it has {few(names, 12) or 'none'}"
