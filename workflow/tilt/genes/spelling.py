"""Gene names as other programs spell them, back to the names of the gene tables.

R turns hyphens into dots (``HLA.DRA``) or underscores, annotation files put ``gene-`` or a genome
in front, references join symbol and id (``CD3D|ENSG00000167286``), and some tables are all lower
case. A name is changed only where the rest says how; the number of changes is told.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

RESOURCES = Path(__file__).resolve().parents[3] / "resources"
# Tables of the checkout whose names are known, and the columns of the names.
SHIPPED = {
    "gene_aliases.tsv": ("old", "current"),
    "markers.tsv": ("positive", "negative"),
    "signatures.tsv": ("gene",),
    "reference.tsv": ("gene",),
    "excluded_genes.tsv": ("value",),
}
ENSEMBL = re.compile(r"ENSG\d{11}(?:\.\d+)?(?:_PAR_Y)?")
PREFIX = re.compile(r"^(?:(?:GRCh3[78]|hg19|hg38)[-_]+|gene[-:_](?=\S))", re.IGNORECASE)
JOINED = re.compile(rf"^({ENSEMBL.pattern})[-_.:/ ]+(\S+)$|^(\S+?)[-_.:/ ]+({ENSEMBL.pattern})$")
# Names with a hyphen by the rules of HGNC and GENCODE, whatever the tables hold: HLA and
# mitochondrial genes, variable segments, clones, and antisense, divergent or intronic transcripts.
FAMILY = re.compile(r"^(HLA|MT|RP\d+|CT[A-D]|(?:TR[ABGD]|IG[HKL])V\d+(?:D|OR\d+)?)[._](?=[A-Z0-9])")
TRANSCRIPT = re.compile(r"[._]((?:AS|IT|OT|DT)\d*)$")
ACCESSION = re.compile(r"^[A-Z]{1,4}\d{5,}\.\d+$")  # AC004381.6: a dot by right
NUMBERED = re.compile(r"^([A-Z][A-Z0-9]*\d)[._](\d+[A-Z]?\d*)$")  # NKX2-1, KRTAP5-1
OPEN_FRAME = re.compile(r"^(C(?:\d+|X|Y))ORF(\d+)")  # C1orf112: the one family with small letters
LOST = 3  # known genes that lack their hyphen, from which on a table is taken to have lost all
MOSTLY = 0.5  # share of names in small letters above which all are taken for human symbols
DATES = re.compile(r"^\d{1,2}-(?:Mar|Sep|Dec)$|^(?:Mar|Sep|Dec)-\d{1,2}$", re.IGNORECASE)


@dataclass
class Spelled:
    """Corrected names: ``symbols`` and ``ids`` ("" where the name has none), and what was changed.

    ``notes``: one sentence a kind of change, with its number and an example.
    """

    symbols: list[str]
    ids: list[str]
    notes: list[str] = field(default_factory=list)


@functools.cache
def shipped() -> frozenset[str]:
    """Symbols in the tables of genes that come with tilt."""
    names: set[str] = set()
    for file, columns in SHIPPED.items():
        lines = (RESOURCES / file).read_text().splitlines()
        head, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
        places = [head.index(column) for column in columns]
        kind = head.index("kind") if file == "excluded_genes.tsv" else None
        for row in rows:
            if kind is None or row[kind] == "gene":
                names.update(name for at in places if at < len(row) for name in row[at].split())
    return frozenset(name for name in names if not ENSEMBL.match(name))


def corrected(names: Iterable[str], aliases: Mapping[str, str] | None = None) -> Spelled:
    """Undo what other programs do to gene names.

    Parameters
    ----------
    names
        Names of genes as found: symbols, ids, or both joined.
    aliases
        Further names that are known (old or id -> current symbol).

    Returns
    -------
    Names in the same order; a name that nothing is known of stays as it is.
    """
    names = [str(name) for name in names]
    known = shipped() | set(aliases or {}) | set((aliases or {}).values())
    done: Counter = Counter()
    example: dict = {}

    def change(kind: str, old: str, new: str) -> str:
        if new != old:
            done[kind] += 1
            example.setdefault(kind, f"{old} is {new}")
        return new

    small = _all_small(names)
    hyphened, upper = _lookup(known)
    present = frozenset(names) if _lost_all(names, hyphened) else frozenset()
    symbols, ids = [], []
    for found in names:
        name = found
        if found not in known:
            name = change("with a prefix", name, PREFIX.sub("", name))
            if small and name == name.lower():
                name = change("in small letters", name, _raised(name, upper))
        symbol, id_ = _parted(name)
        if symbol:
            change("joined to an id or transcript", name, symbol)
        if symbol and symbol not in known:
            symbol = change(
                "with another sign for the hyphen", symbol, _hyphen(symbol, hyphened, present)
            )
        symbols.append(symbol)
        ids.append(id_)
    notes = [f"{n} gene names {kind} were read as {example[kind]}" for kind, n in done.items()]
    dates = [name for name in names if DATES.match(name)]
    if dates:
        notes.append(
            f"{len(dates)} gene names are dates made by a spreadsheet ({dates[0]}); they are kept "
            "as they are and match no gene"
        )
    return Spelled(symbols, ids, notes)


def _all_small(names: list[str]) -> bool:
    """Whether the symbols among the names are in small letters throughout."""
    lettered = [PREFIX.sub("", name) for name in names if re.search(r"[A-Za-z]{2}", name)]
    return bool(lettered) and sum(n == n.lower() for n in lettered) > MOSTLY * len(lettered)


def _lost_all(names: list[str], hyphened: dict[str, str]) -> bool:
    """Whether a table lost all its hyphens; then genes of which no table knows get theirs too.

    It has none, and ``LOST`` of its names or more are known genes once they have one.
    """
    bare = [PREFIX.sub("", name).upper() for name in names]
    if any("-" in name for name in bare):
        return False
    marked = (name for name in bare if "." in name or "_" in name)
    found = (name for name in marked if _dotted(name) in hyphened or FAMILY.match(name))
    return len(list(itertools.islice(found, LOST))) == LOST


@functools.lru_cache(maxsize=4)
def _lookup(known: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Known names by their spelling with a dot for each hyphen, and by capital letters."""
    hyphened = {_dotted(name): name for name in sorted(known) if "-" in name}
    return hyphened, {name.upper(): name for name in sorted(known)}


def _dotted(name: str) -> str:
    return re.sub(r"[-._]", ".", name)


def _hyphen(name: str, hyphened: dict[str, str], present: frozenset[str]) -> str:
    """The name with its hyphens, where a table, a family, or the other names say that it has them.

    ``present``: all names of a matrix that lost its hyphens: ``A.B`` of genes A and B is a
    read-through transcript, and ``A.1`` without a gene A a numbered member of a family.
    """
    if "." not in name and "_" not in name:
        return name
    if (same := hyphened.get(_dotted(name))) is not None:
        return same
    if present and not ACCESSION.match(name):
        first, _, second = name.replace("_", ".").partition(".")
        if first in present and second in present:
            return f"{first}-{second}"
        if (numbered := NUMBERED.match(name)) and numbered[1] not in present:
            return f"{numbered[1]}-{numbered[2]}"
    return TRANSCRIPT.sub(r"-\1", FAMILY.sub(r"\1-", name))


def _raised(name: str, upper: dict[str, str]) -> str:
    """A name in small letters as the tables write it."""
    capital = name.upper()
    return upper.get(capital) or OPEN_FRAME.sub(r"\1orf\2", capital)


def _parted(name: str) -> tuple[str, str]:
    """Symbol and Ensembl id of a name that may be either or both."""
    if ENSEMBL.fullmatch(name):
        return "", name
    if "|" in name:
        parts = [part for part in name.split("|") if part]
        ids = [part for part in parts if ENSEMBL.fullmatch(part)]
        rest = [part for part in parts if part not in ids]
        return (rest[0] if rest else ""), (ids[0] if ids else "")
    if both := JOINED.match(name):
        return (both[2], both[1]) if both[1] else (both[3], both[4])
    return name, ""
