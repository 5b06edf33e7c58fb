"""Names of antibody tags: which protein each binds, by whatever vendor, program or clone.

Hashtags (which sample a cell is of) and isotype controls (which bind nothing) are told apart from
proteins by their names.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pandas as pd

SHIPPED = Path(__file__).resolve().parents[3] / "resources" / "antibodies.tsv"
PROTEIN, HASHTAG, ISOTYPE, OTHER = "protein", "hashtag", "isotype", "other"
HASH = re.compile(
    r"hash|^multi[-_ ]?seq|(?<![a-z])HTO(?![a-z])|^CMO\d+|(?<![a-z])LMO\d+|multiplex"
    r"|sample[-_ .]?tag",
    re.IGNORECASE,
)
ANIMAL = r"(?:m(?:ouse)?|r(?:at)?|(?:arm\w*[-_. ]*)?hamster|hu(?:man)?)?[-_. ]*"
CONTROL = re.compile(
    rf"isotype|(?:^|[^a-z]){ANIMAL}IgG\d?[abcκk]?(?=$|[^a-z])(?![-_. ]*Fc)"
    r"|ig[gm]\d?[abc]?[-_. ]*(?:control|ctrl|iso)",
    re.IGNORECASE,
)
NO_TAG = re.compile(r"^(?:unmapped|no_?match|bad_struct|total_reads|ambiguous)$", re.IGNORECASE)
# What is put around the name by 10x, BioLegend (TotalSeq), BD, Seurat and CITE-seq-Count.
BEFORE = re.compile(
    r"^(?:adt|prot(?:ein)?|ab|anti|antibody|human|hu|hums|humsrt|ms|rat|b\d{4}|GRCh38)[-_. :]+"
    r"|^[a-d]?\d{4}[-_. ]+|^ADT\d*_|^total[-_ ]?seq™?[-_ ]?(?:[a-d]\d*)?[-_. ]+",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"[-_. ]*\([^()]*\)$|[-_. ]+[ACGT]{10,}$|[-_. ]*total[-_ ]?seq[-_ ]?[a-d]?\d*$"
    r"|[-_. ]+total[a-d]$|[-_. ]+(?:adt|prot|protein|ab|tag|antibody|human|hu|pAbO)$"
    r"|\|pAbO$|[-_. ]+[a-d]\d{4}$",
    re.IGNORECASE,
)
GREEK = str.maketrans("αβγδ", "abgd")
# Hyphens and blanks that word processors and web pages put in place of the plain ones.
PLAIN = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-") | {"\xa0": " "})
PARTS = re.compile(r"[-_.:| /]+(?=[^-_.:| /]+$)")  # before the last part of a name


@cache
def shipped() -> pd.DataFrame:
    """The table of antibodies: protein, gene, synonyms, positive, negative (texts), source."""
    return pd.read_csv(SHIPPED, sep="\t", comment="#", keep_default_na=False, dtype=str)


@cache
def _known() -> dict[str, str]:
    """Key of every name -> protein; raises ValueError for a name of two proteins."""
    known: dict[str, str] = {}
    for row in shipped().itertuples():
        for name in (row.protein, *row.synonyms.split()):
            other = known.setdefault(_key(name), row.protein)
            if other != row.protein:
                raise ValueError(f"{SHIPPED}: {name} is {other} and {row.protein}")
    return known


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.translate(GREEK).casefold())


def kind(name: str) -> str:
    """What a tag is by its name: protein, hashtag, isotype (a control) or other (no tag at all)."""
    if NO_TAG.match(name):
        return OTHER
    if HASH.search(name):
        return HASHTAG
    if CONTROL.search(name) and _lookup(bare(name)) is None:
        return ISOTYPE
    return PROTEIN


def bare(name: str) -> str:
    """The name without what vendors and programs put before and after it."""
    name = name.translate(PLAIN).strip()
    while _key(name) not in _known():
        before = BEFORE.sub("", name)
        shorter = before if before != name else AFTER.sub("", name).strip()
        if shorter in (name, ""):
            break
        name = shorter
    return name


def protein(name: str, names: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """Protein that a tag binds, and whether the table knows it (else the bare name stands).

    ``names``: what the user says of tags, by their whole name. A clone or a number behind the name
    (``CD45RA_HI100``, ``CD4-2``) is passed over.
    """
    if names and name in names:
        told = names[name]
        return _lookup(told) or told, True
    core = bare(name)
    found = _lookup(core)
    return (core, False) if found is None else (found, True)


def _lookup(name: str) -> str | None:
    known = _known()
    while name:
        if _key(name) in known:
            return known[_key(name)]
        shorter = PARTS.split(name)[0]
        if shorter == name:
            return None
        name = shorter
    return None
