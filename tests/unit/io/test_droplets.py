"""Empty droplets of an unfiltered matrix: which they are, and what they say of each tag."""

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from tilt.io import droplets
from tilt.io.errors import BadSample

TAGS = ["CD4_TotalSeqB", "CD8", "Mouse_IgG1_control"]
N_GENES = 30


def write(path, n_empty=400, kinds=None, seed=1):
    """Cells (many counts), empty droplets (few genes, some tags) and untouched ones, mixed."""
    rng = np.random.default_rng(seed)
    cell = np.repeat([2, 1, 0], [60, n_empty, 300])
    rng.shuffle(cell)
    genes = rng.poisson(np.array([0.02, 1.0, 40.0])[cell][:, None], (len(cell), N_GENES))
    tag_rate = np.array([[0.05, 0.05, 0.05], [30.0, 60.0, 5.0], [500.0, 300.0, 5.0]])[cell]
    counts = sp.csr_matrix(np.hstack([genes, rng.poisson(tag_rate)]).astype(np.int32))
    names = [f"G{i}" for i in range(N_GENES)] + TAGS
    kinds = kinds or ["Gene Expression"] * N_GENES + ["Antibody Capture"] * len(TAGS)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(counts, name)
        group["shape"] = counts.shape[::-1]
        group["barcodes"] = np.array([f"B{i:05d}-1" for i in range(len(cell))], "S")
        for name, values in (("id", names), ("name", names), ("feature_type", kinds)):
            group[f"features/{name}"] = np.array(values, "S")
    return counts.toarray()[cell == 1, N_GENES:]


@pytest.mark.parametrize("block", [7, 100_000])
def test_mean_and_sd_are_those_of_the_empty_droplets_alone(tmp_path, monkeypatch, block):
    monkeypatch.setattr(droplets, "BLOCK", block)
    empty = write(tmp_path / "raw.h5")
    found = droplets.background(tmp_path / "raw.h5", {}, "S1").set_index("protein")
    assert list(found.index) == ["CD4", "CD8"]  # the isotype control is no protein
    assert found["n_droplets"].tolist() == [400, 400]
    logs = np.log(empty[:, :2] + 10.0)
    assert found["mean"].to_numpy() == pytest.approx(logs.mean(axis=0))
    assert found["sd"].to_numpy() == pytest.approx(logs.std(axis=0, ddof=1))


def test_few_droplets_are_told_and_many_are_enough(tmp_path, monkeypatch):
    write(tmp_path / "raw.h5", n_empty=49)
    told = "49 empty droplets with tags, 50 are needed.*Fix: give raw_feature_bc_matrix"
    with pytest.raises(BadSample, match=f"sample S1: .*{told}"):
        droplets.background(tmp_path / "raw.h5", {}, "S1")
    monkeypatch.setattr(droplets, "BLOCK", 10)
    monkeypatch.setattr(droplets, "MOST_DROPLETS", 60)
    write(tmp_path / "raw.h5")
    assert 60 <= droplets.background(tmp_path / "raw.h5", {}, "S1")["n_droplets"].iloc[0] < 70


def test_clumps_of_antibodies_are_no_empty_droplets(tmp_path, monkeypatch):
    monkeypatch.setattr(droplets, "MOST_GENES", 10**6)  # cells: 500 and 300 counts of tags
    write(tmp_path / "raw.h5")
    assert droplets.background(tmp_path / "raw.h5", {}, "S1")["n_droplets"].iloc[0] > 400
    monkeypatch.setattr(droplets, "MOST_TAGS", 300)
    assert droplets.background(tmp_path / "raw.h5", {}, "S1")["n_droplets"].iloc[0] == 400


def test_a_sample_without_tags_has_no_row(tmp_path, caplog):
    write(tmp_path / "raw.h5", kinds=["Gene Expression"] * (N_GENES + 3))
    assert len(droplets.background(tmp_path / "raw.h5", {}, "S1")) == 0
    assert "sample S1: no antibody tags in" in caplog.text


def test_another_file_is_told(tmp_path):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(BadSample, match="not an unfiltered matrix of Cell Ranger 3 and up"):
        droplets.background(tmp_path / "raw.h5", {}, "S1")
