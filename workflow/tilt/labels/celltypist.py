"""Labels of a CellTypist model file, beside ours.

Method and models: Dominguez Conde 2022, doi:10.1126/science.abl5197. A model file holds a
scikit-learn classifier and scaler; what they compute is a few lines, done here by blocks of cells.
The package itself is not needed: importing it writes to the home folder and loads scanpy, it wants
the whole matrix in memory, and its files ask for the scikit-learn they were written with. Here
only numbers and names are taken out of a file, and nothing in it is run.
"""

import logging
import pickle
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit

log = logging.getLogger(__name__)

TARGET_SUM = 1e4  # models are trained on log1p of counts per 10,000
LARGEST = 10.0  # scaled values are cut off here, as in training
BLOCK = 2_000  # cells a pass: dense in the genes of the model
# What arrays are pickled with; nothing else in a file is called.
ALLOWED = {"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"}
BUILTINS = {"object", "set", "frozenset", "list", "dict", "tuple", "int", "float", "bool", "str"}


@dataclass(frozen=True)
class Model:
    """A model of H genes and K labels.

    ``genes`` H symbols; ``labels`` K names; ``weights`` K x H and ``intercept`` K (one row of
    weights for two labels); ``mean`` and ``scale`` H.
    """

    genes: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class _Part:
    """Stands for whatever else a file names: keeps its attributes and does nothing."""

    def __new__(cls, *_args: object, **_kwargs: object) -> "_Part":
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object):
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


FIX = "Fix: name a .pkl file of CellTypist's, or take `celltypist_model` out."


class _Reader(pickle.Unpickler):
    """Reads arrays, numbers and names; everything else that a pickle names is a dead part."""

    def find_class(self, module: str, name: str) -> Any:
        root = module.partition(".")[0]
        if (root == "numpy" and name in ALLOWED) or (root == "builtins" and name in BUILTINS):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) in {("copyreg", "_reconstructor"), ("_codecs", "encode")}:
            return super().find_class(module, name)
        return _Part


def read_model(path: str | Path) -> Model:
    """Read a model file (``.pkl``) as CellTypist writes it, of any version of scikit-learn.

    Raises ValueError when the file is no such model.
    """
    try:
        with open(path, "rb") as handle:
            content = _Reader(handle).load()
        classifier, scaler = content["Model"], content["Scaler_"]
        genes = np.asarray(classifier.features, dtype=str)
        centered = getattr(scaler, "with_mean", True)
        model = Model(
            genes=genes,
            labels=np.asarray(classifier.classes_, dtype=str),
            weights=np.atleast_2d(np.asarray(classifier.coef_, dtype=float)),
            intercept=np.atleast_1d(np.asarray(classifier.intercept_, dtype=float)),
            mean=np.asarray(scaler.mean_ if centered else np.zeros(len(genes)), dtype=float),
            scale=np.asarray(scaler.scale_, dtype=float),
        )
    except OSError:
        raise
    except Exception as error:  # a file that is no pickle may break anything: memory, depth, types
        raise ValueError(
            f"{path} is no CellTypist model: {error or type(error).__name__}. {FIX}"
        ) from error
    rows = 1 if len(model.labels) == 2 else len(model.labels)
    fits = model.weights.shape == (rows, len(genes)) and len(model.intercept) == rows
    if not fits or len(model.mean) != len(genes) or len(model.scale) != len(genes):
        raise ValueError(f"{path} is no CellTypist model: its parts are of different sizes. {FIX}")
    return model


def matched(
    model: Model, symbols: Collection[str], aliases: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Genes of the model that are measured: their places in the model and in ``symbols``.

    ``aliases``: old symbol -> current one; a gene of the model is looked up as it is written, then
    by its current symbol. Genes that are not measured take no part, as in CellTypist. Raises
    ValueError when there is none.
    """
    place: dict[str, int] = {}
    for column, symbol in enumerate(symbols):
        place.setdefault(symbol, column)
    written = set(model.genes)
    rows, columns = [], []
    for row, gene in enumerate(model.genes):
        current = aliases.get(gene, gene)
        name = gene if gene in place or current in written else current
        if name in place:
            rows.append(row)
            columns.append(place[name])
    if not rows:
        raise ValueError("no gene of the CellTypist model is in the matrix (human symbols?)")
    log.info("%d of %d genes of the model are measured", len(rows), len(model.genes))
    return np.array(rows), np.array(columns)


def predict(
    blocks: Iterable[tuple[int, sparse.csr_matrix]],
    symbols: Collection[str],
    model: Model,
    aliases: Mapping[str, str],
) -> pd.DataFrame:
    """Label every cell by the model's best match.

    Parameters
    ----------
    blocks
        ``(start, counts)``: CSR raw counts of all genes, cells x genes, in the order of the cells.
    symbols
        Symbol of each gene.
    model, aliases
        From :func:`read_model` and :func:`tilt.genes.tables.read_aliases`.

    Returns
    -------
    celltypist_label and celltypist_confidence (probability of that label against all others, 0 to
    1), one row a cell.
    """
    rows, columns = matched(model, symbols, aliases)
    weights, mean, scale = model.weights[:, rows].T, model.mean[rows], model.scale[rows]
    names, confidence = [], []
    for _, counts in blocks:
        depth = np.maximum(np.asarray(counts.sum(1), dtype=float).ravel(), 1)
        for start in range(0, counts.shape[0], BLOCK):
            part = slice(start, start + BLOCK)
            values = counts[part][:, columns].toarray() * (TARGET_SUM / depth[part, None])
            values = np.minimum((np.log1p(values) - mean) / scale, LARGEST)
            score = values @ weights + model.intercept
            if score.shape[1] == 1:
                score = np.hstack([-score, score])
            best = score.argmax(1)
            names.append(model.labels[best])
            confidence.append(expit(score[np.arange(len(best)), best]))
    return pd.DataFrame(
        {
            "celltypist_label": np.concatenate(names) if names else np.array([], dtype=str),
            "celltypist_confidence": np.concatenate(confidence) if names else np.array([]),
        }
    )
