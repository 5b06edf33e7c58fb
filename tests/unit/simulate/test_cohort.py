"""The simulator: what is drawn is what the parameters say."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import io as scipy_io
from scipy import sparse
from tilt.core import tables
from tilt.genes import tables as gene_tables
from tilt.simulate import cohort as simulate
from tilt.simulate import counts as simulate_counts
from tilt.simulate import write
from tilt.simulate.world import build, stream

ROOT = Path(__file__).parents[3]
SAMPLE = {"sample": "X1", "donor": "X1", "condition": "control", "batch": "B1", "sex": "F"}


@pytest.fixture(scope="module")
def markers():
    return gene_tables.read_markers(ROOT / "resources/markers.tsv")


@pytest.fixture(scope="module")
def signatures():
    return gene_tables.read_signatures(ROOT / "resources/signatures.tsv")


@pytest.fixture(scope="module")
def params():
    return simulate.read_parameters(ROOT / "resources/demo/demo_cd4.yaml")


@pytest.fixture(scope="module")
def pbmc():
    return simulate.read_parameters(ROOT / "resources/demo/demo_pbmc.yaml")


@pytest.fixture(scope="module")
def world(params, markers, signatures):
    return build(params, markers, signatures)


@pytest.fixture(scope="module")
def blood(pbmc, markers, signatures):
    """Four PBMC samples of 1,000 barcodes."""
    sheet = simulate.sheet(2, 2, batches=2, seed=3)
    return simulate.cells(pbmc, sheet, markers, signatures, seed=5, n_cells=1000)


def good(adata):
    return adata[~adata.obs["true_is_low_quality"] & ~adata.obs["true_is_doublet"]]


def detected(adata, symbol):
    column = np.flatnonzero(adata.var["gene_symbol"] == symbol)
    return float((adata.X[:, column] > 0).mean())


def share_of(adata, mask):
    return np.asarray(adata.X[:, mask].sum(1)).ravel() / np.asarray(adata.X.sum(1)).ravel()


# ------------------------------------------------------------------ parameters and truth


def test_override_changes_only_what_it_names(params):
    changed = simulate.override(params, n_cells=7, depth={"median": 10})
    assert changed["n_cells"] == 7 and changed["depth"]["median"] == 10
    assert changed["depth"]["cell_sd"] == params["depth"]["cell_sd"]
    assert params["n_cells"] == 1100 and params["depth"]["median"] != 10
    with pytest.raises(ValueError, match="n_cell"):
        simulate.override(params, n_cell=7)


def test_unknown_cell_types_are_named(tmp_path, params):
    text = (ROOT / "resources/demo/demo_cd4.yaml").read_text().replace("CD4_CTL: 2", "CD4_CLT: 2")
    (tmp_path / "p.yaml").write_text(text)
    for name in ("genes.tsv", "cells.yaml"):
        (tmp_path / name).write_text((ROOT / "resources/demo" / name).read_text())
    with pytest.raises(ValueError, match="CD4_CLT"):
        simulate.read_parameters(tmp_path / "p.yaml")


def test_sheet_spreads_arms_over_batches():
    sheet = simulate.sheet(6, 9, batches=3, seed=1)
    counts = pd.crosstab(sheet["batch"], sheet["condition"])
    assert (counts["control"] == 2).all() and (counts["SLE"] == 3).all()
    assert sheet["donor"].is_unique and sheet["age"].between(18, 75).all()


def test_planted_log_ratio_is_the_difference_of_the_shifts(params):
    shifts = {"CD4_Tph_like": 1.2, "CD4_Tfh_circ": 1.2, "CD4_Th22_like": -0.4}
    planted = simulate.planted(simulate.override(params, effects=shifts))
    effect = planted.set_index("quantity")["effect"]
    assert effect["log_ratio"] == pytest.approx(1.6)
    assert effect["log_ratio_tph"] == pytest.approx(1.6)


def test_donors_differ_between_arms_by_what_is_planted(params):
    # 2 x 400 donors with SD 0.5 a type: standard error of the difference about 0.05
    sheet = simulate.sheet(400, 400, seed=1)
    truth = simulate.donor_truth(params, sheet, seed=2).groupby("condition")
    difference = truth[["log_ratio_tph", "interferon_activity"]].agg(["mean", "median"])
    shift = difference["log_ratio_tph", "mean"]
    planted = params["effects"]["CD4_Tph_like"] - params["effects"]["CD4_Th22_like"]
    assert shift["SLE"] - shift["control"] == pytest.approx(planted, abs=0.2)
    spread = truth["log_ratio_tph"].std()
    assert spread["control"] == pytest.approx(np.sqrt(2) * params["donor_sd"], rel=0.15)
    fold = np.log(difference["interferon_activity", "median"])
    expected = np.log(params["interferon"]["case"] / params["interferon"]["control"])
    assert fold["SLE"] - fold["control"] == pytest.approx(expected, abs=0.25)


def test_null_cohort_has_nothing_planted(params):
    flat = simulate.null(params)
    assert (simulate.planted(flat)["effect"] == 0).all()
    case = simulate.donor(flat, "someone", "SLE", seed=1)
    control = simulate.donor(flat, "someone", "control", seed=1)
    pd.testing.assert_series_equal(case[0], control[0])
    assert case[1] == control[1]


# ------------------------------------------------------------------ genes and cell types


def test_named_genes_are_real_and_unique(world):
    table = world.genes
    named = table[table["kind"] != "background"]
    assert table["gene"].is_unique and table["ensembl"].is_unique
    assert named["ensembl"].str.fullmatch(r"ENSG\d{11}").all()
    assert table.loc[table["kind"] == "background", "gene"].str.fullmatch(r"SIM\d{5}").all()
    assert len(world.kind("mito")) == 13 and len(world.kind("tcr")) >= 10


def test_signature_and_marker_genes_are_simulated_with_their_ids(world, markers, signatures):
    ids = dict(zip(world.genes["gene"], world.genes["ensembl"], strict=True))
    wrong = signatures[signatures["gene"].map(ids) != signatures["ensembl"]]
    assert wrong.empty, wrong["gene"].tolist()
    shown = {g for row in markers["positive"] for g in row}
    assert len(shown & set(ids)) > 0.9 * len(shown)


def test_profiles_are_shares(world):
    assert world.typical.sum(1) == pytest.approx(1, abs=1e-4)
    assert (world.typical >= 0).all() and (world.shared >= 0).all()


def test_editing_the_marker_table_does_not_move_known_genes(params, markers, signatures, world):
    edited = markers.copy()
    row = edited.index[edited["label"] == "CD4_CM"][0]
    edited.at[row, "positive"] = ["PDCD1", "CCR10", "NEWGENE"]
    new = pd.concat([signatures, signatures.iloc[[0]].assign(gene="NEWGENE", ensembl="ENSG1")])
    other = build(params, edited, new)
    cm = world.types.index.get_loc("CD4_CM")
    for gene, moves in (("PDCD1", False), ("CCR10", False)):
        before = world.typical[cm, np.flatnonzero(world.genes["gene"] == gene)[0]]
        after = other.typical[cm, np.flatnonzero(other.genes["gene"] == gene)[0]]
        assert (abs(after / before - 1) > 0.02) == moves
    position = np.flatnonzero(other.genes["gene"] == "NEWGENE")[0]
    naive = other.types.index.get_loc("CD4_Naive")
    assert other.typical[cm, position] > 4 * other.typical[naive, position]


def test_background_genes_mean_the_same_in_both_cohorts(params, pbmc, markers, signatures):
    one, two = build(params, markers, signatures), build(pbmc, markers, signatures)
    background = one.kind("background")
    label = one.types.index.get_loc("CD4_CM")
    expected = one.typical[label, background] / one.typical[label, background].sum()
    found = two.typical[label, background] / two.typical[label, background].sum()
    np.testing.assert_allclose(found, expected, rtol=1e-3)


# ------------------------------------------------------------------ counts


def test_negative_binomial_has_the_mean_and_variance_asked_for():
    rng = np.random.default_rng(1)
    for mean in (0.02, 0.5, 3.0, 20.0):
        draws = simulate_counts.negative_binomial(
            np.full((400, 250), mean, dtype=np.float32), 0.25, rng
        )
        # 100,000 draws: the error of the mean is about 2 % at most, of the variance 3 % (1 SD)
        assert draws.mean() == pytest.approx(mean, rel=0.07)
        assert draws.var() == pytest.approx(mean + 0.25 * mean**2, rel=0.1)


def test_dealt_molecules_follow_share_and_depth():
    rng = np.random.default_rng(2)
    share, depth = np.array([0.5, 0.3, 0.2]), np.array([100.0, 300.0, 600.0, 0.0])
    rows, columns = simulate_counts._deal(share, depth * 100, rng)
    counts = simulate_counts.count_molecules(rows, columns, (4, 3)).toarray()
    np.testing.assert_allclose(counts[:3], np.outer(depth[:3], share) * 100, rtol=0.06)
    assert counts[3].sum() == 0


def test_count_molecules_sums_and_sorts():
    rows, columns = np.array([2, 0, 2, 2, 0]), np.array([1, 3, 1, 0, 0])
    counts = simulate_counts.count_molecules(rows, columns, (4, 4))
    expected = np.zeros((4, 4), int)
    np.add.at(expected, (rows, columns), 1)
    np.testing.assert_array_equal(counts.toarray(), expected)
    assert counts.has_sorted_indices and counts.dtype == np.int32
    empty = simulate_counts.count_molecules(rows[:0], columns[:0], (2, 2))
    assert empty.nnz == 0 and empty.shape == (2, 2)


def test_doublet_is_the_sum_of_two_cells():
    counts = sparse.csr_matrix(np.arange(20).reshape(5, 4))
    merged = simulate_counts.add_partners(counts, np.array([0, 2]), 3).toarray()
    np.testing.assert_array_equal(merged, [[12, 14, 16, 18], [4, 5, 6, 7], [24, 26, 28, 30]])


def test_sample_depends_on_seed_and_names_only(world, params):
    small = simulate.override(params, n_cells=200)
    first = simulate.sample(world, small, SAMPLE, seed=1)
    simulate.sample(world, small, SAMPLE | {"sample": "other"}, seed=1)
    again = simulate.sample(world, small, SAMPLE, seed=1)
    assert (first.X != again.X).nnz == 0
    pd.testing.assert_frame_equal(first.obs, again.obs)
    other = simulate.sample(world, small, SAMPLE, seed=2)
    assert (first.X != other.X).nnz > 0
    assert stream(1, "a", "bc").random() != stream(1, "ab", "c").random()


def test_sample_obeys_the_sample_object(world, params):
    adata = simulate.sample(world, simulate.override(params, n_cells=300), SAMPLE, seed=1)
    assert adata.shape == (300, params["n_genes"])
    assert adata.X.dtype == np.int32 and adata.X.has_sorted_indices and adata.X.data.min() > 0
    assert adata.obs_names.is_unique
    assert adata.obs_names.str.fullmatch(r"X1_[ACGT]{16}-1").all()
    assert adata.var.loc["ENSG00000167286", "gene_symbol"] == "CD3D"
    never = np.asarray(adata.X.sum(0)).ravel() == 0
    assert never.sum() >= params["n_silent"]


def test_composition_follows_the_donor(pbmc, markers, signatures):
    row = SAMPLE | {"condition": "SLE"}
    world = build(pbmc, markers, signatures)
    adata = simulate.sample(world, simulate.override(pbmc, n_cells=3000), row, seed=4)
    shares, _ = simulate.donor(pbmc, "X1", "SLE", seed=4)
    found = adata.obs["true_subset"].value_counts(normalize=True).reindex(shares.index).fillna(0)
    error = np.sqrt(shares * (1 - shares) / 3000)
    assert (abs(found - shares) < 4.5 * error + 1e-3).all()


def test_depth_mito_and_dropout_look_like_shallow_10x(blood):
    t_cells = good(blood)
    t_cells = t_cells[t_cells.obs["true_lineage"] == "T"]
    umis = np.asarray(t_cells.X.sum(1)).ravel()
    assert 1300 < np.median(umis) < 2600
    assert 450 < np.median(np.diff(t_cells.X.indptr)) < 900
    mito = t_cells.var["gene_symbol"].str.startswith("MT-").to_numpy()
    assert 0.02 < np.median(share_of(t_cells, mito)) < 0.06
    cd4 = t_cells[t_cells.obs["true_subset"].str.startswith("CD4")]
    assert 0.03 < detected(cd4, "CD4") < 0.5  # missing in more than half of CD4 T cells
    assert detected(cd4, "CD3D") > 0.5
    for cytokine in ("IL22", "CXCL13", "IL21"):
        assert detected(cd4, cytokine) < 0.002


def test_lineages_express_their_markers(blood):
    cells = good(blood)
    for lineage, gene in (
        ("T", "CD3D"),
        ("B", "CD79A"),
        ("NK", "KLRF1"),
        ("Mono_classical", "LYZ"),
    ):
        inside = detected(cells[cells.obs["true_lineage"] == lineage], gene)
        outside = cells[cells.obs["true_lineage"].isin({"T", "B", "NK"} - {lineage})]
        assert inside > 0.5 and inside > 2 * detected(outside, gene), (lineage, gene)


def test_poles_express_their_programs_at_low_detection(params, markers, signatures):
    sheet = simulate.sheet(3, 0, seed=1)
    more = {"CD4_Tph_like": 20, "CD4_Th22_like": 20}
    cells = good(simulate.cells(params, sheet, markers, signatures, seed=1, abundance=more))
    of = {label: cells[cells.obs["true_subset"] == label] for label in [*more, "CD4_CM"]}
    for gene in ("PDCD1", "TIGIT", "ICOS"):
        assert 0.15 < detected(of["CD4_Tph_like"], gene) < 0.8
        assert detected(of["CD4_CM"], gene) < 0.25
    for gene in ("CCR10", "CCR4", "FUT7"):
        assert 0.15 < detected(of["CD4_Th22_like"], gene) < 0.8
        assert detected(of["CD4_CM"], gene) < 0.15


def test_interferon_raises_its_genes_and_not_the_identity(params, markers, signatures):
    sheet = simulate.sheet(3, 3, seed=1)
    loud = {"case": 0.3, "sd": 0.1}
    cells = good(
        simulate.cells(params, sheet, markers, signatures, 1, n_cells=500, interferon=loud)
    )
    sle = cells[(cells.obs["condition"] == "SLE") & (cells.obs["true_subset"] == "CD4_CM")]
    well = cells[(cells.obs["condition"] != "SLE") & (cells.obs["true_subset"] == "CD4_CM")]
    for gene in ("ISG15", "IFI6", "IFI44L", "MX1"):
        assert detected(sle, gene) > detected(well, gene) + 0.1
    for gene in ("CD3D", "IL7R", "S100A4"):
        assert detected(sle, gene) == pytest.approx(detected(well, gene), abs=0.06)
    high = sle.obs["true_isg_high"].mean()
    assert high == pytest.approx(0.7 * 0.3, abs=0.06)


def test_low_quality_cells_doublets_and_ambient_are_there(blood, pbmc):
    obs = blood.obs
    umis = np.asarray(blood.X.sum(1)).ravel()
    mito = share_of(blood, blood.var["gene_symbol"].str.startswith("MT-").to_numpy())
    bad = obs["true_is_low_quality"].to_numpy()
    assert bad.mean() == pytest.approx(pbmc["low_quality"]["share"], abs=0.015)
    assert np.median(umis[bad]) < 0.3 * np.median(umis[~bad])
    assert np.median(mito[bad & ~obs["true_is_doublet"]]) > 0.15
    double = obs["true_is_doublet"].to_numpy()
    assert double.mean() == pytest.approx(pbmc["doublets"]["share"], abs=0.015)
    assert np.median(umis[double & ~bad]) > 1.6 * np.median(umis[~double & ~bad])
    assert (obs.loc[double, "true_partner"] != "").all()
    assert 0.01 < obs.loc[~bad, "true_ambient_fraction"].median() < 0.1
    b_cells = good(blood)
    b_cells = b_cells[b_cells.obs["true_lineage"] == "B"]
    assert detected(b_cells, "S100A9") > 0.05  # soup of monocytes


def test_sex_and_batch_show(params, markers, signatures):
    sheet = simulate.sheet(4, 0, batches=2, seed=1)
    sheet["sex"] = ["F", "F", "M", "M"]
    cells = simulate.cells(params, sheet, markers, signatures, seed=1, n_cells=500)
    men = cells[cells.obs["sex"] == "M"]
    assert detected(men, "XIST") == 0 and detected(men, "RPS4Y1") > 0.5
    assert detected(cells[cells.obs["sex"] == "F"], "RPS4Y1") == 0
    profiles = np.log1p(
        np.array([cells[cells.obs["donor"] == d].X.sum(0).A1 for d in sheet["donor"]])
        / np.array([cells[cells.obs["donor"] == d].X.sum() for d in sheet["donor"]])[:, None]
        * 1e4
    )
    same, other = profiles[0] - profiles[2], profiles[0] - profiles[1]  # batches B1 B2 B1 B2
    assert other.std() > 1.3 * same.std()


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("layout", ["10x_dir", "triplets"])
def test_raw_files_hold_what_was_simulated(tmp_path, world, params, layout):
    sheet = simulate.sheet(1, 1, seed=1)
    sheet["path"], sheet["prefix"] = sheet["sample"], "SIM1_" + sheet["sample"]
    rows = sheet.to_dict("records")
    small = simulate.override(params, n_cells=60)
    samples = [simulate.sample(world, small, row, seed=1) for row in rows]
    truth = write.write_cohort(samples, rows, layout, tmp_path)
    start = tmp_path / rows[1]["path"] if layout == "10x_dir" else tmp_path
    before = "" if layout == "10x_dir" else rows[1]["prefix"] + "_"
    counts = scipy_io.mmread(start / f"{before}matrix.mtx.gz")
    np.testing.assert_array_equal(counts.T.toarray(), samples[1].X.toarray())
    barcodes = gzip.decompress((start / f"{before}barcodes.tsv.gz").read_bytes()).decode().split()
    expected = [f"{rows[1]['sample']}_{code}" for code in barcodes]
    assert expected == samples[1].obs_names.tolist()
    assert set(expected) <= set(truth["cell"])
    named = start / "features.tsv.gz" if layout == "10x_dir" else tmp_path / "genes.tsv.gz"
    first = gzip.decompress(named.read_bytes()).decode().splitlines()[0].split("\t")
    kind = ["Gene Expression"] if layout == "10x_dir" else []
    assert first == [samples[0].var_names[0], samples[0].var["gene_symbol"].iloc[0], *kind]
    assert (tmp_path / "genes.tsv.gz").exists() == (layout == "triplets")


def test_files_are_the_same_byte_for_byte(tmp_path, world, params):
    small = simulate.override(params, n_cells=40)
    for name in ("a", "b"):
        adata = simulate.sample(world, small, SAMPLE, seed=1)
        write.write_10x_directory(adata, tmp_path / name)
    for file in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_truth_is_written(tmp_path, world, params):
    sheet = simulate.sheet(2, 2, seed=1)
    small = simulate.override(params, n_cells=50)
    rows = sheet.to_dict("records")
    cells = pd.concat([write.cell_truth(simulate.sample(world, small, row, 1).obs) for row in rows])
    donors = simulate.donor_truth(params, sheet, seed=1)
    write.write_truth(cells, donors, simulate.planted(params), tmp_path)
    found = tables.read(tmp_path / "truth/cells.tsv.gz")
    assert list(found.columns[:5]) == ["cell", "sample", "donor", "lineage", "subset"]
    assert len(found) == 200 and found["cell"].is_unique
    shares = tables.read(tmp_path / "truth/donors.tsv").filter(like="share_")
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-4)
    planted = tables.read(tmp_path / "truth/planted.tsv").set_index("quantity")["effect"]
    assert planted["abundance:CD4_Tph_like"] == params["effects"]["CD4_Tph_like"]


def test_unknown_layout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="10x_h5"):
        write.write_cohort([], [], "10x_h5", tmp_path)
