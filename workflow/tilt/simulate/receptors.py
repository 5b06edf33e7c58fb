"""T-cell receptors of simulated cells: clones of a donor, expanded and shared, and their contigs.

The key ``receptors`` of a parameter file turns them on (``resources/demo/demo_cite.yaml``). They
have streams of their own: the RNA and tags of a cohort are the same with them and without.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tilt.cells.receptors import MAIT
from tilt.io.receptor_columns import ALPHA, BETA
from tilt.simulate.world import stream

KEYS = ("n_clones", "decay", "expanded", "effects", "shared", "seen", "second", "without")
V = {ALPHA: ("TRAV12-1", "TRAV21", "TRAV8-3", "TRAV38-1", "TRAV1-2"), BETA: ("TRBV5-1", "TRBV20-1")}
J = {ALPHA: ("TRAJ9", "TRAJ33", "TRAJ42", "TRAJ52"), BETA: ("TRBJ1-1", "TRBJ2-1", "TRBJ2-7")}
SEMI = ("TRAV1-2", "TRAJ33")  # of MAIT cells
CODONS = {"A": "GCT", "D": "GAC", "E": "GAA", "G": "GGA", "L": "CTG", "N": "AAC", "P": "CCT"}
CODONS |= {"Q": "CAG", "R": "CGG", "S": "AGC", "T": "ACC", "V": "GTG", "Y": "TAC"}
LETTERS = list(CODONS)
BROKEN = 0.1  # share of chains beside which one is found that is not productive
INSIDE = 10  # amino acids between the anchors
CONSTANT = {ALPHA: "TRAC", BETA: "TRBC1"}
READS, LENGTH = 25, 500  # reads a molecule and bases of a contig, typical of Cell Ranger's tables
WRITTEN = ["barcode", "is_cell", "contig_id", "high_confidence", "length", "chain", "v_gene"]
WRITTEN += ["d_gene", "j_gene", "c_gene", "full_length", "productive", "cdr3", "cdr3_nt", "reads"]
WRITTEN += ["umis"]  # in the order of Cell Ranger


def check(settings: Mapping[str, Any]) -> None:
    """Raise ValueError for missing and unknown keys."""
    missing, unknown = sorted(set(KEYS) - set(settings)), sorted(set(settings) - set(KEYS))
    if missing or unknown:
        raise ValueError(f"receptors: missing keys {missing}, unknown keys {unknown}")


def planted(settings: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """Rows of the table of what is planted: more cells of expanded clones in cases."""
    meaning = "share of the cells that are of expanded clones, more in cases"
    return [(f"expanded:{k}", v, meaning) for k, v in settings.get("effects", {}).items()]


def of_sample(
    params: Mapping[str, Any],
    kinds: np.ndarray,
    row: Mapping[str, str],
    barcodes: list[str],
    first: np.ndarray,
    seed: int,
) -> pd.DataFrame:
    """Contigs of a sample of the parameters (:func:`contigs`).

    ``kinds``: types of the cells, behind those of ``barcodes`` the second cells of the doublets,
    which have the barcodes at ``first``.
    """
    settings, types = params["receptors"], params["cells"]["types"]
    clone = clones(settings, kinds, types, row, row["condition"] == params["case"], seed)
    every = [*barcodes, *(barcodes[i] for i in first)]
    return contigs(settings, clone, kinds, every, row, seed)


def share_expanded(settings: Mapping, kind: str, branch: str, is_case: bool) -> float:
    """Share of the cells of a type that are of expanded clones: by its label, else its branch."""
    base = settings["expanded"].get(kind, settings["expanded"].get(branch, 0.0))
    return float(np.clip(base + is_case * settings["effects"].get(kind, 0.0), 0, 1))


def clones(
    settings: Mapping[str, Any],
    kinds: np.ndarray,
    types: Mapping[str, Mapping],
    row: Mapping[str, str],
    is_case: bool,
    seed: int,
) -> np.ndarray:
    """Clone of each cell (text; "" where it has no alpha-beta receptor).

    A share of the cells of a type is of ``n_clones`` expanded clones, whose shares fall by
    ``decay`` from one to the next; every other cell is a clone of its own. Of the expanded cells of
    a type in ``shared`` so many are of the clones of another type.
    """
    rng = stream(seed, "clones", str(row["sample"]))
    falling = settings["decay"] ** np.arange(settings["n_clones"])
    out = np.full(len(kinds), "", dtype=object)
    for kind in np.unique(kinds):
        spec = types[kind]
        if spec["lineage"] != "T" or kind in settings["without"]:
            continue
        cells = np.flatnonzero(kinds == kind)
        share = share_expanded(settings, kind, spec.get("parent", ""), is_case)
        large = rng.random(len(cells)) < share
        number = rng.choice(len(falling), len(cells), p=falling / falling.sum())
        other, part = settings["shared"].get(kind, ("", 0.0))
        home = np.where(rng.random(len(cells)) < part, other, kind)
        for at, big, which, own in zip(cells, large, number, home, strict=True):
            out[at] = f"{own}|{which}" if big else f"{row['sample']}|{at}"
    return out


def chains(clone: str, donor: str, kind: str, seed: int) -> list[tuple[str, str, str, str, str]]:
    """Locus, v, j, cdr3 and its nucleotides of both chains of a clone of a donor."""
    # A digest in place of a stream: there are as many clones as cells.
    drawn = hashlib.sha256(f"{seed}|{donor}|{clone}".encode()).digest()
    found = []
    for place, locus in enumerate((ALPHA, BETA)):
        gene, joining, *letters = drawn[place * (2 + INSIDE) :][: 2 + INSIDE]
        v, j = V[locus][gene % len(V[locus])], J[locus][joining % len(J[locus])]
        if locus == ALPHA and kind == MAIT:
            v, j = SEMI
        elif (v, j) == SEMI:
            j = J[ALPHA][0]
        inside = [LETTERS[letter % len(LETTERS)] for letter in letters]
        bases = "TGT" + "".join(CODONS[letter] for letter in inside) + "TTT"
        found.append((locus, v, j, "C" + "".join(inside) + "F", bases))
    return found


def contigs(
    settings: Mapping[str, Any],
    clone: np.ndarray,
    kinds: np.ndarray,
    barcodes: list[str],
    row: Mapping[str, str],
    seed: int,
) -> pd.DataFrame:
    """Contigs as filtered_contig_annotations.csv has them.

    Parameters: ``clone`` and type of each cell, and its barcode (both cells of a doublet have one).
    Of each chain a share (``seen``) is found; ``second`` of the cells have another productive chain
    of that locus, too, and ``BROKEN`` one that is not productive.
    """
    rng = stream(seed, "contigs", str(row["sample"]))
    donor, rows = str(row["donor"]), []
    for name, kind, barcode in zip(clone, kinds, barcodes, strict=True):
        if not name:
            continue
        for place, one in enumerate(chains(name, donor, kind, seed)):
            locus = one[0]
            is_seen = rng.random() < settings["seen"][locus]
            flags = [is_seen and rng.random() < settings["second"][locus], rng.random() < BROKEN]
            more = chains(f"{name}|second", donor, "", seed)[place] if any(flags) else one
            found = [(one, True)] if is_seen else []
            found += [
                (more, good) for good, there in zip((True, False), flags, strict=True) if there
            ]
            for (_, v, j, cdr3, bases), good in found:
                umis = 2 + int(rng.poisson(6 if (v, bases) == (one[1], one[4]) else 3))
                rows.append((barcode, "true", locus, v, j, str(good).lower(), cdr3, bases, umis))
    names = ["barcode", "is_cell", "chain", "v_gene", "j_gene", "productive", "cdr3", "cdr3_nt"]
    table = pd.DataFrame(rows, columns=[*names, "umis"])
    number = (table.groupby("barcode").cumcount() + 1).astype(str)
    table["contig_id"] = table["barcode"] + "_contig_" + number
    table["c_gene"], table["reads"] = table["chain"].map(CONSTANT), READS * table["umis"]
    same = {"high_confidence": "true", "full_length": "true", "length": LENGTH, "d_gene": ""}
    return table.assign(**same)[WRITTEN]
