"""Parts of the annotation against loops over cells."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tilt.cells import groups
from tilt.labels import annotate, posterior, signature_scores

ROWS = [
    # label, level, parent, positive, negative, compartment, share
    ("CD4", 1, "T", ["CD4", "TNFRSF4"], ["CD8A"], "", 0.6),
    ("CD8", 1, "T", ["CD8A", "CD8B"], ["CD4"], "", 0.3),
    ("CD4_Naive", 2, "CD4", ["CCR7", "LEF1", "SELL"], ["S100A4"], "naive", 0.3),
    ("CD4_CM", 2, "CD4", ["S100A4", "IL7R", "AQP3"], ["LEF1"], "memory", 0.2),
    ("CD4_Th17", 2, "CD4", ["CCR6", "RORC", "S100A4"], ["LEF1"], "memory", 0.1),
    ("CD8_EM", 2, "CD8", ["GZMK", "CCL5", "CST7"], ["LEF1"], "memory", 0.3),
    ("state_ISG_high", 3, "T", ["ISG15", "MX1"], [], "", 0.05),
]
COLUMNS = ["label", "level", "parent", "positive", "negative", "compartment", "share"]
MARKERS = pd.DataFrame(ROWS, columns=COLUMNS)
NAMES = ["CD4_Naive", "CD4_CM", "CD4_Th17", "CD8_EM"]
BRANCH = ["CD4", "CD4", "CD4", "CD8"]
HOME = ["naive", "memory", "memory", "memory"]


def call_by_hand(chance):
    """Branch of most probability, then its likeliest compartment, then its likeliest subset."""
    rows = []
    for p in chance:
        by_branch = {b: sum(p[k] for k in range(4) if BRANCH[k] == b) for b in ("CD4", "CD8")}
        branch = max(by_branch, key=by_branch.get)
        inside = [k for k in range(4) if BRANCH[k] == branch]
        by_home = {h: sum(p[k] for k in inside if HOME[k] == h) for h in {HOME[k] for k in inside}}
        home = max(by_home, key=by_home.get)
        best = max((k for k in inside if HOME[k] == home), key=lambda k: p[k])
        next_best = max(p[k] for k in range(4) if k != best)
        sure_branch = by_branch[branch] >= annotate.MIN_SCORE
        told = 0.0  # bits, beyond the shares in blood
        for arm, place, usual in (("CD4", "naive", 3), ("CD4", "memory", 3), ("CD8", "memory", 3)):
            own = sum(p[k] for k in range(4) if (BRANCH[k], HOME[k]) == (arm, place))
            told += own * np.log2(own / (usual / 9))
        sure = sure_branch and (by_home[home] >= 0.5 or told >= 1 / 3)
        rows.append(
            {
                "level1": branch if sure_branch else "unassigned",
                "subset": NAMES[best] if sure else "unassigned",
                "subset_score": p[best],
                "subset_margin": p[best] - next_best,
                "compartment": home if sure else "",
            }
        )
    return pd.DataFrame(rows)


def test_calls_go_from_branch_to_compartment_to_subset():
    rng = np.random.default_rng(0)
    chance = rng.dirichlet(np.full(4, 0.7), 300)
    chance[0] = [0.1, 0.3, 0.2, 0.4]  # CD4 by the sum, memory by the sum, CM in it
    chance[1] = [0.3, 0.25, 0.25, 0.2]  # the likeliest subset is not of the likeliest compartment
    chance[2] = [0.3, 0.11, 0.1, 0.49]
    chance[3:] /= np.where(rng.random(297) < 0.2, 1.4, 1)[:, None]  # some are nothing of all
    found = annotate._call(chance, NAMES, MARKERS)
    pd.testing.assert_frame_equal(found, call_by_hand(chance), check_dtype=False)
    assert found.loc[0, ["level1", "subset", "compartment"]].tolist() == [
        *("CD4", "CD4_CM", "memory"),
    ]
    assert found.loc[1, "subset"] == "CD4_CM"
    one = annotate._call(np.ones((2, 1)), ["CD8_EM"], MARKERS)
    assert one["subset_margin"].tolist() == [1, 1]


def test_the_working_set_is_memory_cd4_without_look_alikes():
    table = pd.DataFrame(
        [
            ("CD4", "memory", "", True),
            ("CD4", "memory", None, True),
            ("CD4", "memory", "T_B", False),
            ("CD4", "naive", "", False),
            ("CD8", "memory", "", False),
        ],
        columns=["level1", "compartment", "look_alike", "inside"],
    )
    assert groups.working_set(table).tolist() == table["inside"].tolist()


def test_poles_are_cells_of_the_working_set_above_its_donor_weighted_quantile():
    rng = np.random.default_rng(1)
    n = 500
    table = pd.DataFrame({"level1": np.where(np.arange(n) % 5, "CD4", "CD8")})
    table["compartment"] = np.where(rng.random(n) < 0.7, "memory", "naive")
    table["look_alike"] = np.where(rng.random(n) < 0.1, "T_B", "")
    donor = np.array(["big"] * 400 + ["small"] * 100)
    depth = rng.integers(2000, 5000, n).astype(float)
    symbols = np.array([f"P{i}" for i in range(4)] + ["I0"] + [f"B{i}" for i in range(95)])
    counts = sparse.csr_matrix(rng.poisson(np.outer(depth, rng.lognormal(-7, 1, 100))))
    signatures = pd.DataFrame(
        [
            ("TPH_BLOOD", "P0", 1.0),
            ("TPH_BLOOD", "P1", 2.0),
            ("TH22_BLOOD", "absent", 1.0),
            ("IFN1_T_CORE", "I0", 1.0),
        ],
        columns=["set", "gene", "weight"],
    )
    scores = pd.DataFrame(index=range(n))
    inside = groups.working_set(table)
    annotate._poles(table, scores, counts, depth, symbols, donor, MARKERS, signatures)
    listed = {"P0", "P1", "I0", "absent"} | {
        gene for c in ("positive", "negative") for genes in MARKERS[c] for gene in genes
    }
    genes = pd.Series({"P0": 1.0, "P1": 2.0})
    value, _ = signature_scores.score(counts, depth, symbols, genes, listed)
    assert scores["tph_score"].to_numpy() == pytest.approx(value)
    weight = np.where(donor == "big", 1 / (inside & (donor == "big")).sum(), 0)
    weight = np.where(donor == "small", 1 / (inside & (donor == "small")).sum(), weight)
    cut = min(v for v in value[inside] if weight[inside & (value <= v)].sum() >= 0.95 * 2 - 1e-9)
    assert table["tph_high"].tolist() == (inside & (value > cut)).tolist()
    assert not table["th22_high"].any() and not scores["th22_score"].any()
    genes = pd.Series({"I0": 1.0})
    value, _ = signature_scores.score(counts, depth, symbols, genes, listed)
    assert scores["isg_score"].to_numpy() == pytest.approx(value)
    assert "isg_high" not in table


def small(n=40, seed=2):
    rng = np.random.default_rng(seed)
    symbols = ["CD4", "CCR7", "LEF1", "S100A4", "GZMK", "IL22", "OTHER", "CCR7"]
    depth = rng.integers(1000, 4000, n).astype(float)
    depth[0] = 0
    counts = rng.poisson(0.8, (n, 8))
    cells = ad.AnnData(sparse.csr_matrix(counts))
    cells.obs["n_counts"], cells.obs["donor"] = depth, [f"d{i % 3}" for i in range(n)]
    cells.var["gene_symbol"] = symbols
    labels = pd.DataFrame({"subset": rng.choice(["unassigned", "CD8_EM", "CD4_Naive"], n)})
    labels["level1"], labels["compartment"] = "CD4", rng.choice(["memory", "naive"], n)
    labels["look_alike"] = np.where(rng.random(n) < 0.2, "T_B", "")
    return cells, labels, counts, np.maximum(depth, 1), symbols


def test_expression_of_markers_by_subset_is_that_of_a_loop():
    cells, labels, counts, depth, symbols = small()
    found = annotate.marker_expression(cells, labels, MARKERS)
    sign = {("CD4_Naive", g): "+" for g in ("CD4", "CCR7", "LEF1")}
    sign |= {("CD4_Naive", "S100A4"): "-", ("CD8_EM", "GZMK"): "+"}
    sign |= {("CD8_EM", "LEF1"): "-", ("CD8_EM", "CD4"): "-"}
    rows = []
    for subset in ("CD4_Naive", "CD8_EM", "unassigned"):
        inside = (labels["subset"] == subset).to_numpy()
        for at in (0, 1, 2, 3, 4, 7):
            x = counts[inside, at]
            mean = np.log1p(1e4 * x / depth[inside]).mean()
            gene = symbols[at]
            own = sign.get((subset, gene), "") if at != 1 else ""
            own = sign.get((subset, gene), "") if at in (0, 1, 2, 3, 4, 7) else own
            rows.append((subset, inside.sum(), gene, own, (x > 0).mean(), mean))
    expected = pd.DataFrame(rows, columns=found.columns)
    first = ~expected.duplicated(["subset", "gene"])  # a symbol twice: signs go to one of them
    columns = ["subset", "n_cells", "gene", "fraction", "mean"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], check_dtype=False)
    once = expected["gene"] != "CCR7"
    assert found["sign"][once].tolist() == expected["sign"][once].tolist()
    assert first.sum() == 15
    assert found.columns.tolist() == ["subset", "n_cells", "gene", "sign", "fraction", "mean"]


def test_detectability_counts_cells_and_donors_of_the_working_set():
    cells, labels, counts, _, _ = small()
    inside = groups.working_set(labels)
    donor = cells.obs["donor"].to_numpy()
    found = annotate.detectability(cells, labels, ["IL22", "CCR7", "nowhere"]).set_index("gene")
    for gene, columns in (("IL22", [5]), ("CCR7", [1, 7])):
        seen = inside & (counts[:, columns] > 0).any(1)
        n = len(set(donor[seen]))
        assert found.loc[gene, "n_cells"] == seen.sum() and found.loc[gene, "n_donors"] == n
        assert found.loc[gene, "pct_cells"] == pytest.approx(100 * seen.sum() / inside.sum())
        assert found.loc[gene, "pct_donors"] == pytest.approx(100 * n / 3)
    assert found.loc["nowhere"].isna().all()
    assert annotate.detectability(cells, labels)["gene"].tolist() == annotate.DETECT
    nobody = annotate.detectability(cells, labels.assign(level1="CD8"), ["IL22"]).iloc[0]
    assert nobody[["n_cells", "pct_cells", "n_donors", "pct_donors"]].tolist() == [0, 0, 0, 0]


def test_cells_for_fitting_are_shared_evenly_by_donors():
    donor = np.array(["a"] * 50 + ["b"] * 6 + ["c"] * 30)
    chosen = posterior._sample_by_donor(donor, 30, 0)
    assert chosen.tolist() == sorted(set(chosen))
    sizes = pd.Series(donor[chosen]).value_counts()
    assert sizes.to_dict() == {"a": 12, "b": 6, "c": 12}
    assert posterior._sample_by_donor(donor, 30, 1).tolist() != chosen.tolist()
    assert posterior._sample_by_donor(donor, 86, 0).tolist() == list(range(86))
    assert len(posterior._sample_by_donor(donor, 85, 0)) == 85


@pytest.mark.parametrize("block", [3, 100])
def test_genes_are_seen_in_cells_not_in_counts(monkeypatch, block):
    monkeypatch.setattr(annotate, "BLOCK", block)
    counts = np.array([[0, 5, 1], [0, 0, 1], [0, 0, 2], [0, 1, 1]])
    assert annotate._detected(sparse.csr_matrix(counts)).tolist() == [0, 2, 4]


def cohort(inside_rate, outside_rate, n_inside=40, n=200):
    """Cells x two genes of CD8 and one of CD4; the first cells are called CD8."""
    depth = np.full(n, 1000.0)
    counts = np.zeros((n, 3), int)
    counts[:, 2] = 3
    counts[:n_inside, :2] = inside_rate
    counts[n_inside:, :2] = outside_rate
    chance = np.zeros((n, 2))
    chance[:n_inside, 1] = chance[n_inside:, 0] = 1
    made = posterior.Cohort(
        counts=sparse.csr_matrix(counts),
        depth=depth,
        donor=np.array(["d"] * n),
        symbols=np.array(["CD8A", "CD8B", "CD4"]),
        seen=np.ones(3, bool),
        embedding=np.zeros((n, 1)),
        profile=np.arange(3),
        fold=np.zeros(n, int),
        seed=0,
    )
    return made, chance


@pytest.mark.parametrize(
    ("inside", "outside", "n_inside", "absent"),
    [
        (2, 1, 40, "CD8/memory"),
        (3, 1, 40, "CD8/memory"),  # 3 / (1 + 1 / 320): just below three times as much
        (4, 1, 40, ""),
        (2, 1, 10, "CD8/memory"),  # five in a hundred cells: doubted
        (2, 1, 9, ""),  # rarer groups are not doubted
    ],
)
def test_a_group_is_absent_where_its_genes_are_hardly_higher(inside, outside, n_inside, absent):
    made, chance = cohort(inside, outside, n_inside)
    names, keys = ["CD4_CM", "CD8_EM"], ["CD4/memory", "CD8/memory"]
    assert posterior._absent(made, chance, names, keys, MARKERS) == absent
    made.seen = np.array([True, False, True])  # one gene is too few to doubt it
    assert posterior._absent(made, chance, names, keys, MARKERS) == ""


def test_the_panel_is_listed_genes_background_and_variable_genes():
    rng = np.random.default_rng(3)
    symbols = ["CD4", "CCR7", "SIG", *[f"B{i}" for i in range(6000)]]
    stats = pd.DataFrame({"gene_symbol": symbols, "mean": rng.lognormal(-4, 2, len(symbols))})
    stats.index = [f"id{i}" for i in range(len(symbols))]
    stats["excluded"] = [None if i % 3 else "tcr" for i in range(len(symbols))]
    stats["highly_variable"] = np.arange(len(symbols)) % 2 == 0
    signatures = pd.DataFrame({"set": ["X"], "gene": ["SIG"]})
    chosen = annotate.panel(stats, MARKERS, signatures, 5)
    without = annotate.panel(stats.drop(columns="highly_variable"), MARKERS, signatures, 5)
    assert len(set(chosen) - set(without)) > 500 and set(without) < set(chosen)
    wanted = np.isin(symbols, ["CD4", "CCR7", "SIG"])
    excluded = np.array([i % 3 == 0 for i in range(len(symbols))])
    background = signature_scores.background(stats["mean"].to_numpy(), wanted | excluded, 5)
    expected = set(np.flatnonzero(wanted)) | set(background)
    expected |= {i for i in range(len(symbols)) if i % 2 == 0 and not excluded[i]}
    assert chosen == [f"id{i}" for i in sorted(expected)]
    plain = annotate.panel(stats[["gene_symbol", "mean"]], MARKERS, signatures, 5)
    background = signature_scores.background(stats["mean"].to_numpy(), wanted, 5)
    assert plain == [f"id{i}" for i in sorted(set(np.flatnonzero(wanted)) | set(background))]


def whole(n=400, seed=4):
    """Cells of two branches whose genes are all on, with their embedding and signatures."""
    rng = np.random.default_rng(seed)
    symbols = sorted({g for c in ("positive", "negative") for genes in MARKERS[c] for g in genes})
    symbols += ["ISG15", "MX1"] if "ISG15" not in symbols else []
    symbols += ["SIG", *[f"B{i}" for i in range(60)]]
    kind = rng.integers(0, 4, n)
    rate = np.full((4, len(symbols)), 1e-4)
    for k, (name, branch) in enumerate(zip(NAMES, BRANCH, strict=True)):
        row = MARKERS.set_index("label")
        for gene in [*row.at[name, "positive"], *row.at[branch, "positive"]]:
            rate[k, symbols.index(gene)] = 3e-3
    rate[:, symbols.index("ISG15")] = rate[:, symbols.index("MX1")] = 1e-5
    depth = rng.integers(3000, 6000, n).astype(float)
    counts = rng.poisson(depth[:, None] * rate[kind])
    counts[:20, [symbols.index("ISG15"), symbols.index("MX1")]] += 12
    cells = ad.AnnData(sparse.csr_matrix(counts))
    cells.obs["n_counts"], cells.obs["donor"] = depth, [f"d{i % 3}" for i in range(n)]
    cells.obs_names = [f"c{i}" for i in range(n)]
    cells.var["gene_symbol"] = symbols
    sets = [("IFN_A", "ISG15"), ("TPH_BLOOD", "CCR6"), ("TH22_BLOOD", "SIG")]
    sets.append(("IFN1_T_CORE", "B7"))
    signatures = pd.DataFrame(sets, columns=["set", "gene"]).assign(weight=1.0)
    return cells, rng.normal(size=(n, 4)) + 4 * np.eye(4)[kind], signatures, kind, symbols


def test_labels_are_those_of_two_fits_and_the_table_is_put_together(monkeypatch):
    cells, embedding, signatures, kind, symbols = whole()
    asked, within, plain = [], [], annotate.mixture.fit

    def spy(counts, depth, signs, prior, group, points, genes, fold, floor, **how):
        kept = {name: value for name, value in how.items() if name not in ("own", "donor")}
        within.append(how["donor"])
        asked.append((counts.shape, prior.tolist(), group.tolist(), genes.shape, floor, kept, fold))
        return plain(counts, depth, signs, prior, group, points, genes, fold, floor, **how)

    monkeypatch.setattr(annotate.mixture, "fit", spy)
    found = annotate.label(cells, embedding, MARKERS, signatures, 6)
    assert (found.labels["subset"] == np.array(NAMES)[kind]).mean() > 0.95
    first, second = asked
    assert first[0][0] == 400 and first[1] == [0.3, 0.2, 0.1, 0.3] and first[2] == [0, 1, 1, 2]
    assert first[4] == 0.3e-4 and first[5] == {"power": 0.3, "map_weight": 0.2}
    # all genes but those of states (B7 and ISG15; MX1 is a marker) serve as the profile
    assert first[3][1] == len(symbols) - 1
    # the part of a cell hangs on its name and the seed alone
    assert np.bincount(first[6], minlength=5).min() > 50
    again = annotate._folds(cells.obs_names[::-1], 6)[::-1]
    assert first[6].tolist() == again.tolist() != annotate._folds(cells.obs_names, 7).tolist()
    # profiles of subsets are learned within the three donors, those of groups in all
    assert within[0] is None and np.unique(within[1]).tolist() == [0, 1, 2]
    assert second[0][0] == pytest.approx((kind % 3 != 0).sum(), abs=8) and second[2] == [0, 1]
    assert second[1] == [0.2, 0.1]
    assert second[5] == {"pseudo": np.inf, "power": 0.6, "shared_weight": 0.3, "map_weight": 0.5}
    assert found.scores[NAMES].sum(1).to_numpy() == pytest.approx(np.ones(400))
    at = [symbols.index(g) for g in ("ISG15", "MX1")]
    high, _ = signature_scores.state(
        sparse.csr_matrix(cells.X)[:, at], cells.obs["n_counts"].to_numpy(), 0.05
    )
    assert found.labels["isg_high"].tolist() == high.tolist() and high[:20].all()
    assert not found.labels["proliferating"].any()
    assert found.labels["cell"].tolist() == found.scores["cell"].tolist() == list(cells.obs_names)
    assert found.scores.columns.tolist() == [
        *("cell", *NAMES, "tph_score", "th22_score", "isg_score"),
    ]
    callable_ = found.markers_found.groupby("label")["callable"].all()
    assert callable_["CD4_CM"] and callable_["state_ISG_high"] and callable_["CD8"]


def test_small_groups_are_not_taken_apart(monkeypatch):
    cells, embedding, signatures, kind, _ = whole()
    few = np.r_[np.flatnonzero(kind % 3 != 0)[:40], np.flatnonzero(kind % 3 == 0)]
    asked = []
    plain = annotate.mixture.fit
    monkeypatch.setattr(annotate.mixture, "fit", lambda *a, **k: asked.append(k) or plain(*a, **k))
    annotate.label(cells[few].copy(), embedding[few], MARKERS, signatures, 6)
    assert len(asked) == 1


def test_markers_seen_in_two_cells_are_of_no_use():
    cells, embedding, signatures, _, symbols = whole()
    counts = cells.X.tolil()
    at = symbols.index("RORC")
    counts[:, at] = 0
    counts[:2, at] = 5
    cells.X = counts.tocsr()
    found = annotate.label(cells, embedding, MARKERS, signatures, 6).markers_found
    seen = found.set_index(["label", "gene"])["found"]
    assert not seen["CD4_Th17", "RORC"]
    counts[2, at] = 1
    cells.X = counts.tocsr()
    found = annotate.label(cells, embedding, MARKERS, signatures, 6).markers_found
    assert found.set_index(["label", "gene"])["found"]["CD4_Th17", "RORC"]


def test_a_branch_may_be_given():
    cells, embedding, signatures, _, _ = whole()
    found = annotate.label(cells, embedding, MARKERS, signatures, 6, branch="CD8")
    assert set(found.labels["level1"]) == {"CD8"} and "CD4_CM" not in found.scores
