"""A CellTypist model in the workflow: its labels come beside ours, only when it is asked for."""

import pickle

import numpy as np
import pandas as pd
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tilt.core import tables
from tilt.io import store as blocks


def write_model(folder, path) -> None:
    """A model that tells our CD4 naive cells from the others, trained on a few cells."""
    store = blocks.open_store(folder / "counts.zarr")
    labels = tables.read(folder / "labels.tsv.gz").set_index("cell").loc[store.obs.index]
    matrix = store.rows(0, min(600, store.n_obs))
    depth = np.asarray(matrix.sum(1)).ravel()
    chosen = np.argsort(-np.asarray(matrix.sum(0)).ravel())[:800]
    values = np.log1p(1e4 * matrix[:, chosen].toarray() / depth[:, None])
    scaler = StandardScaler().fit(values)
    naive = np.where(labels["subset"][: len(values)] == "CD4_Naive", "naive", "others")
    classifier = LogisticRegression(max_iter=100).fit(scaler.transform(values), naive)
    classifier.features = store.var["gene_symbol"].to_numpy(str)[chosen]
    content = {"Model": classifier, "Scaler_": scaler, "description": {}}
    path.write_bytes(pickle.dumps(content))


def test_labels_of_a_model_are_kept_beside_ours(small_copy):
    folder = small_copy.folder / "results/small_cd4"
    ours = (folder / "labels.tsv.gz").read_bytes()
    write_model(folder, small_copy.folder / "model.pkl")
    cohort = yaml.safe_load((small_copy.folder / "small_cd4.yaml").read_text())
    small_copy.write("small_cd4.yaml", cohort | {"celltypist_model": "model.pkl"})
    target = "results/figures/small_cd4/celltypist.png"
    assert small_copy.planned(target) == {"celltypist_cells": 1, "plot_celltypist": 1}
    small_copy.snakemake(target)
    labels = tables.read(folder / "labels.tsv.gz")
    found = tables.read(folder / "celltypist.tsv.gz")
    assert found["cell"].tolist() == labels["cell"].tolist()
    assert found["celltypist_confidence"].between(0.5, 1).all()
    same = (found["celltypist_label"] == "naive") == (labels["subset"] == "CD4_Naive")
    assert same.mean() > 0.9
    pairs = tables.read(folder / "celltypist_confusion.tsv")
    assert pairs["n"].sum() == len(labels)
    counted = pd.crosstab(found["celltypist_label"], labels["subset"])
    for row in pairs.itertuples():
        assert counted.at[row.celltypist, row.own] == row.n
    agreement = tables.read(folder / "celltypist_agreement.tsv").set_index("level")
    assert agreement.at["subset", "n"] == len(labels) and agreement.at["subset", "ari"] > 0.2
    assert (folder / "labels.tsv.gz").read_bytes() == ours
    plan = small_copy.planned()
    assert plan["write_report"] == 1 and "annotate_cells" not in plan
