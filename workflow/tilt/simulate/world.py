"""What simulated cells express: genes, and a profile for every cell type, from small tables.

The only real things here are names: gene symbols, Ensembl ids, marker and signature tables.
Levels are coarse and chosen by hand (``resources/demo/genes.tsv``, ``cells.yaml``); the
background genes are invented and named SIM00001, SIM00002, ...
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)

SCALE = 1e4  # levels are counts per 10,000
LEAST_SHARE = 0.1  # an identity program never lowers a gene below this share of its shared level
STREAMS = {"program": "programme"}  # what the stream is called: another name draws other cohorts


@dataclass
class World:
    """Genes and cell types of a simulated cohort, before any donor is drawn.

    ``genes``: gene (symbol), ensembl, kind; named genes first, then the background genes.
    ``types``: one row a cell type: lineage, family, depth (factor on the UMIs of a cell).
    ``shared``, ``identity`` (types x genes, float32): expected share of a cell's UMIs; a cell
    expresses ``shared + activity * identity``. ``states``: state -> (genes,) added at activity 1.
    """

    genes: pd.DataFrame
    types: pd.DataFrame
    shared: np.ndarray
    identity: np.ndarray
    states: dict[str, np.ndarray]

    @cached_property
    def typical(self) -> np.ndarray:
        """Expected share of UMIs of every gene in a cell of each type, types x genes."""
        return self.shared + self.identity

    def kind(self, name: str) -> np.ndarray:
        """Positions of the genes of one kind (mito, ribo, handling, sex, background, ...)."""
        return np.flatnonzero((self.genes["kind"] == name).to_numpy())


def build(params: dict, markers: pd.DataFrame, signatures: pd.DataFrame) -> World:
    """Lay out genes and cell types.

    Parameters: ``params`` from :func:`tilt.simulate.cohort.read_parameters`; ``markers`` (level,
    label, parent, positive, negative) and ``signatures`` (gene, ensembl, set, weight) from
    :mod:`tilt.genes`. Genes of the two tables that ``genes.tsv`` does not know get the level
    ``unknown_gene`` of a weak marker; marker genes without any Ensembl id are left out.
    Raises ValueError if a cell type names an unknown program, signature or gene.
    """
    named = _named_genes(params, markers, signatures)
    cells = params["cells"]
    names = pd.Index(named["gene"])
    tables = _Tables(names, cells, markers, signatures)
    off, on = named["off"].to_numpy(), named["on"].to_numpy()
    strengths = [tables.strengths(label, spec) for label, spec in cells["types"].items()]
    types = _types(cells["types"])
    factor = np.ones((len(types), len(named)))
    factor[:, named["kind"] == "ribo"] = types["ribosomal"].to_numpy()[:, None]
    factor[:, named["kind"] == "mito"] = params["mito_scale"]
    shared, full = (factor * (off + (on - off) * np.array(s)) for s in zip(*strengths, strict=True))
    room = SCALE - full[types["lineage"] == "T"].sum(1).mean()
    if room <= 0:
        raise ValueError(f"genes.tsv leaves no room for background genes: {room:.0f} per 10,000")
    common, own, extra = _background(params, cells["types"], len(named))
    shared, full = np.hstack([shared, room * common]), np.hstack([full, room * own])
    total = full.sum(1, keepdims=True)
    identity = (np.maximum(full, LEAST_SHARE * shared) - shared) / total
    shared = shared / total
    states = {
        name: np.concatenate(
            [(on - off) * tables.state(spec) + off * tables.more(spec), np.zeros(len(extra))]
        )
        / SCALE
        for name, spec in cells["states"].items()
    }
    return World(
        genes=pd.concat([named[["gene", "ensembl", "kind"]], extra], ignore_index=True),
        types=types,
        shared=shared.astype(np.float32),
        identity=identity.astype(np.float32),
        states={name: level.astype(np.float32) for name, level in states.items()},
    )


def _named_genes(params: dict, markers: pd.DataFrame, signatures: pd.DataFrame) -> pd.DataFrame:
    table = params["genes"]
    ids = signatures.drop_duplicates("gene").set_index("gene")["ensembl"]
    wanted = dict.fromkeys([g for gs in markers["positive"] for g in gs] + list(ids.index))
    known = set(table["gene"])
    new = [g for g in wanted if g not in known and g in ids.index]
    lost = [g for g in wanted if g not in known and g not in ids.index]
    if lost:
        log.info("marker genes without an Ensembl id are not simulated: %s", ", ".join(lost))
    off, on = params["cells"]["unknown_gene"]
    more = pd.DataFrame(
        {
            "gene": new,
            "ensembl": ids.reindex(new).to_numpy(),
            "kind": "marker",
            "off": off,
            "on": on,
        }
    )
    return pd.concat([table, more], ignore_index=True)


class _Tables:
    """Strength of every named gene in a type, from programs, signatures and marker rows."""

    def __init__(
        self, names: pd.Index, cells: dict, markers: pd.DataFrame, signatures: pd.DataFrame
    ):
        self.names, self.cells = names, cells
        self.markers = markers.set_index("label")
        own = [spec.get("own", {}) for spec in cells["types"].values()]
        written = {gene for genes in [*cells["programs"].values(), *own] for gene in genes}
        self.free = ~names.isin(written)
        self.sets = dict(list(signatures.groupby("set")))

    def strengths(self, label: str, spec: dict) -> tuple[np.ndarray, np.ndarray]:
        """Strengths without and with what makes up the identity of the type."""
        shared = np.zeros(len(self.names))
        for name in spec["share"]:
            self._set(shared, self._program(name, label))
        parent = spec.get("parent")
        if parent != label:
            for row in self._lineage(parent):
                self._marker_row(shared, row)
        full = shared.copy()
        for name, factor in spec.get("signatures", {}).items():
            self._signature(full, name, factor)
        if label in self.markers.index:
            self._marker_row(full, label)
        self._set(full, spec.get("own", {}))
        return shared, full

    def state(self, spec: dict) -> np.ndarray:
        """Strengths of a state: the largest of its signatures, without the genes named `not`."""
        strengths = np.zeros(len(self.names))
        for name, factor in spec["signatures"].items():
            self._signature(strengths, name, factor)
        self._set(strengths, dict.fromkeys(spec["not"], 0.0))
        return strengths

    def more(self, spec: dict) -> np.ndarray:
        """How many times its level `off` a state adds to each gene."""
        strengths = np.zeros(len(self.names))
        self._set(strengths, spec.get("more", {}))
        return strengths

    def _program(self, name: str, label: str) -> dict:
        if name not in self.cells["programs"]:
            raise ValueError(f"cell type {label}: unknown program {name!r}")
        return self.cells["programs"][name]

    def _lineage(self, label: str | None) -> list[str]:
        rows: list[str] = []
        while label is not None and label in self.markers.index and label not in rows:
            rows.insert(0, label)
            label = self.markers.loc[label, "parent"]
        return rows

    def _positions(self, genes: Iterable[str]) -> np.ndarray:
        where = self.names.get_indexer(list(genes))
        return where[where >= 0]

    def _marker_row(self, strengths: np.ndarray, label: str) -> None:
        row = self.markers.loc[label]
        up, down = self._positions(row["positive"]), self._positions(row["negative"])
        up, down = up[self.free[up]], down[self.free[down]]
        strengths[up] = np.maximum(strengths[up], self.cells["marker_strength"])
        strengths[down] *= self.cells["negative_factor"]

    def _signature(self, strengths: np.ndarray, name: str, factor: float) -> None:
        if name not in self.sets:
            raise ValueError(f"cells.yaml: unknown signature {name!r}; known: {sorted(self.sets)}")
        table = self.sets[name]
        up = table[table["weight"] > 0]
        where = self._positions(up["gene"])
        strengths[where] = np.maximum(strengths[where], factor * up["weight"].to_numpy())
        down = table.loc[table["weight"] < 0, "gene"]
        strengths[self._positions(down)] *= self.cells["negative_factor"]

    def _set(self, strengths: np.ndarray, values: dict) -> None:
        where = self.names.get_indexer(list(values))
        if (where < 0).any():
            bad = [g for g, w in zip(values, where, strict=True) if w < 0]
            raise ValueError(f"cells.yaml: genes that genes.tsv does not know: {bad}")
        strengths[where] = list(values.values())


def _types(specs: dict) -> pd.DataFrame:
    rows = [
        {
            "lineage": spec["lineage"],
            "family": spec.get("family", spec["lineage"]),
            "depth": spec.get("depth", 1.0),
            "ribosomal": spec.get("ribosomal", 1.0),
        }
        for spec in specs.values()
    ]
    return pd.DataFrame(rows, index=pd.Index(specs, name="type"))


def _background(
    params: dict, specs: dict, n_named: int
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Background genes: shares without and with what is special to a type, and their names.

    Both arrays are types x genes; the first has rows that sum to the factor ``background`` of the
    type (1 unless given). Levels are lognormal; a lineage, a program and a type each move a
    share of the genes. Every group draws from a stream of its own name, so that background genes
    mean the same in every cohort.
    """
    n = params["n_genes"] - n_named
    if n <= params["n_silent"]:
        raise ValueError(f"n_genes must exceed {n_named + params['n_silent']} (named and silent)")
    b, seed = params["background"], params["gene_seed"]
    level = stream(seed, "background").normal(0, b["level_sd"], n)
    level[np.argsort(stream(seed, "silent").random(n))[: params["n_silent"]]] = -np.inf

    def shift(depth: str, group: str) -> np.ndarray:
        rng = stream(seed, f"{STREAMS.get(depth, depth)}:{group}")
        return np.where(rng.random(n) < b[f"{depth}_share"], rng.normal(0, b[f"{depth}_sd"], n), 0)

    common, own = [], []
    for label, spec in specs.items():
        groups = [*spec["share"], *([spec["parent"]] if spec.get("parent") else [])]
        moved = shift("lineage", spec["lineage"]) + sum(shift("program", g) for g in groups)
        share = np.exp(level + moved)
        share *= spec.get("background", 1.0) / share.sum()
        common.append(share)
        own.append(share * np.exp(shift("type", label)))
    names = [f"SIM{i:05d}" for i in range(1, n + 1)]
    table = pd.DataFrame({"gene": names, "ensembl": names, "kind": "background"})
    return np.array(common), np.array(own), table


def stream(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that depend on the seed and on names only, never on the order of calls."""
    key = [int.from_bytes(str(name).encode(), "little") for name in names]
    return np.random.default_rng(np.random.SeedSequence([int(seed), *key]))


def barcodes(n: int, rng: np.random.Generator) -> list[str]:
    """Distinct (n) 16-base barcodes with the ending 10x gives them."""
    numbers = rng.choice(4**8, n, replace=n > 4**8).astype(np.int64) * 4**8
    numbers += rng.integers(0, 4**8, n)
    digits = (numbers[:, None] >> (2 * np.arange(16))) & 3
    letters = np.frombuffer(b"ACGT", dtype="S1")[digits]
    return [code.decode() + "-1" for code in letters.view("S16").ravel()]
