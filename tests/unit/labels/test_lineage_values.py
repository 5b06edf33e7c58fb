"""Parts of the naming of lineages against dense re-computations."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.linear_model import LogisticRegression
from tilt.labels import lineage

# label, level, parent, positive, negative
ROWS = [
    ("T", 0, "", ["CD3D", "CD3E", "TRAC"], ["MS4A1", "LYZ", "HBB"]),
    ("B", 0, "", ["MS4A1", "CD79A", "CD74"], ["CD3D"]),
    ("Mono_classical", 0, "", ["LYZ", "S100A8", "CD14"], ["CD3D"]),
    ("cDC", 0, "", ["CD74", "FCER1A"], []),
    ("CD4", 1, "T", ["CD4", "S100A8"], ["CD8A"]),
]
MARKERS = pd.DataFrame(ROWS, columns=["label", "level", "parent", "positive", "negative"])
GENES = ["CD3D", "CD3E", "TRAC", "MS4A1", "CD79A", "CD74", "LYZ", "S100A8", "CD14", "FCER1A"]
GENES += ["HBB", "CD4", "CD8A", *[f"BACK{i}" for i in range(80)]]
SYMBOLS = np.array(GENES)
# CD74 is shared by two partners and S100A8 by T cells; LYZ and MS4A1 are foreign to T cells
FOREIGN = {"B": ["MS4A1", "CD79A"], "Mono_classical": ["LYZ", "CD14"]}


def t_cells(n=200, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.integers(1000, 6000, n).astype(float)
    rate = np.full(len(GENES), 1e-3)
    rate[[GENES.index(g) for g in ("MS4A1", "CD79A", "LYZ", "CD14", "FCER1A")]] = 2e-5
    counts = rng.poisson(np.outer(depth, rate))
    return counts, depth, rng


def look_alikes(counts, depth):
    """Chance of so many foreign counts or more, by the negative binomial of scipy."""
    out, best = np.full(len(counts), "", object), np.full(len(counts), 1e-3)
    for label in ("B", "Mono_classical"):
        own = counts[:, [GENES.index(g) for g in FOREIGN[label]]]
        total = own.sum(1)
        usual = total / depth <= np.quantile(total / depth, 0.95)
        mean = depth * (total[usual].sum() + 0.5) / depth[usual].sum()
        chance = stats.nbinom.sf(total - 1, 2, 2 / (2 + mean))
        better = ((own > 0).sum(1) >= 2) & (chance < best)
        out[better], best[better] = f"T_{label}", chance[better]
    return out


def test_look_alikes_are_those_of_a_negative_binomial_background():
    counts, depth, rng = t_cells()
    for row in range(30):
        label = "B" if row % 3 else "Mono_classical"
        for gene in FOREIGN[label]:
            counts[row, GENES.index(gene)] += rng.integers(0, 6)
    counts[30:34, GENES.index("LYZ")] += 50  # one gene only: no look-alike
    counts[34:38, [GENES.index(g) for g in ("CD74", "FCER1A")]] += 30  # too few genes of its own
    counts[38:40, [GENES.index(g) for f in FOREIGN.values() for g in f]] += [3, 3, 9, 9]
    found = lineage.look_alikes(sparse.csr_matrix(counts), depth, SYMBOLS, MARKERS)
    expected = look_alikes(counts, depth)
    assert found.tolist() == expected.tolist()
    assert 10 < (found != "").sum() < 40
    assert (found[30:38] == "").all()
    assert (found[38:40] == "T_Mono_classical").all()


def test_a_gene_of_two_lineages_counts_where_t_cells_are_said_to_lack_it():
    counts, depth, _ = t_cells(60)
    counts[7, [GENES.index(g) for g in ("LYZ", "FCER1A")]] += 30
    shared = MARKERS.copy()
    shared.at[3, "positive"] = ["CD74", "FCER1A", "LYZ"]  # cDC, and LYZ is of monocytes too

    def found(markers):
        return lineage.look_alikes(sparse.csr_matrix(counts), depth, SYMBOLS, markers)[7]

    assert found(shared) == "T_cDC"
    silent = shared.copy()
    silent.at[0, "negative"] = ["HBB"]
    assert found(silent) == ""  # FCER1A alone is left
    assert found(shared.iloc[1:]) == ""  # the same without a row of T cells


@pytest.mark.parametrize("n", [10, 14, 20])
def test_where_nothing_foreign_is_around_half_a_count_is_the_background(n):
    counts, depth = np.zeros((n, len(GENES)), int), np.full(n, 1000.0)
    counts[0, [GENES.index(g) for g in FOREIGN["B"]]] = 1
    found = lineage.look_alikes(sparse.csr_matrix(counts), depth, SYMBOLS, MARKERS)
    assert found.tolist() == look_alikes(counts, depth).tolist()
    assert (found[0] == "T_B") == (n == 20)


def test_too_few_cells_have_no_look_alikes():
    counts, depth, _ = t_cells(3)
    counts[0, [GENES.index("MS4A1"), GENES.index("CD79A")]] = 50
    found = lineage.look_alikes(sparse.csr_matrix(counts[:2]), depth[:2], SYMBOLS, MARKERS)
    assert found.tolist() == ["", ""]
    found = lineage.look_alikes(sparse.csr_matrix(counts), depth, SYMBOLS, MARKERS)
    assert found.tolist() == ["T_B", "", ""]


def test_marker_scores_are_shares_of_markers_on_among_pooled_neighbors():
    counts, depth, _ = t_cells(24)
    depth = np.full(24, 5000.0)
    signs = np.zeros((2, len(GENES)), int)
    signs[0, :3], signs[0, 6:8] = 1, -1
    signs[1, 3:5] = 1
    places = np.repeat(np.arange(8.0), 3)[:, None] * 100 + np.tile([0, 0.1, 0.2], 8)[:, None]
    found = lineage.marker_score(sparse.csr_matrix(counts), depth, signs, places)
    # 15,000 counts are pooled: three cells of 5,000, which are those of one place
    for i in range(24):
        pool = counts[i // 3 * 3 : i // 3 * 3 + 3].sum(0) * 1e4 / 15_000
        on = pool / (pool + 2)
        assert found[i] == pytest.approx([on[:3].mean() - on[6:8].mean(), on[3:5].mean()])


@pytest.mark.parametrize(
    ("depth", "n", "pooled"), [(400, 200, 15), (400, 30, 5), (2143, 60, 6), (99_999, 60, 1)]
)
def test_no_more_than_fifteen_cells_and_a_sixth_of_the_sample_are_pooled(depth, n, pooled):
    counts = np.zeros((n, len(GENES)), int)
    counts[0, 0] = 40  # one cell alone has the gene
    signs = np.zeros((1, len(GENES)), int)
    signs[0, 0] = 1
    places = np.arange(float(n))[:, None]
    found = lineage.marker_score(
        sparse.csr_matrix(counts), np.full(n, float(depth)), signs, places
    )[:, 0]
    level = 40 * 1e4 / (pooled * depth)
    assert found[0] == pytest.approx(level / (level + 2))


def test_each_half_of_the_map_is_learned_on_the_other():
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1, 2], [60, 40, 8])
    points = 3 * (rng.normal(size=(108, 2)) + 2 * np.eye(3, 2)[label])
    chance = np.full((108, 3), 0.1)
    chance[np.arange(108), label] = rng.uniform(0.5, 0.8, 108)
    half = np.arange(108) % 2  # four cells of the last group in each half: too few
    found = lineage._map(points, chance, half)
    scaled = points / points[:, 0].std()
    for side in (0, 1):
        other = (half != side) & (label < 2)
        direct = LogisticRegression(C=2, tol=1e-8, max_iter=1000)  # two slopes for each of ours
        direct.fit(scaled[other], label[other], chance.max(1)[other])
        expected = direct.predict_proba(scaled[half == side])
        assert found[half == side][:, :2] == pytest.approx(expected, abs=5e-3)
    assert found[:, 2] == pytest.approx(chance[:, 2])
    one = lineage._map(points[:60], chance[:60], half[:60])
    assert one == pytest.approx(chance[:60])  # a single lineage: nothing to tell apart


def test_a_group_of_five_cells_takes_part_in_the_map():
    points = np.r_[np.zeros((20, 1)), np.ones((10, 1))] + np.arange(30)[:, None] * 1e-3
    label = np.repeat([0, 1], [20, 10])
    found = lineage._map(points, np.eye(2)[label] * 0.9 + 0.05, np.arange(30) % 2)
    assert (found.argmax(1) == label).all() and np.ptp(found[:20, 0]) > 0


def test_the_embedding_is_the_principal_components_of_the_most_variable_genes(monkeypatch):
    monkeypatch.setattr(lineage, "N_GENES", 30)
    rng = np.random.default_rng(2)
    depth = rng.integers(3000, 8000, 90).astype(float)
    group = rng.integers(0, 5, 90)
    rate = np.tile(rng.lognormal(-6.5, 0.7, 60), (5, 1))
    rate[:, :25] *= rng.lognormal(0, 1.5, (5, 25))
    rate[:, 59] = 1e-7
    counts = rng.poisson(depth[:, None] * rate[group])
    found = lineage.embed(sparse.csr_matrix(counts), depth, 0)
    mean, square = counts.mean(0), (counts**2).mean(0)
    excess = np.where(mean > 0.005, (square - mean**2) / np.maximum(mean, 1e-12), 0)
    chosen = np.sort(np.argsort(-excess, kind="stable")[:30])
    logs = np.log1p(1e4 * counts[:, chosen] / depth[:, None])
    left, singular, _ = np.linalg.svd(logs - logs.mean(0), full_matrices=False)
    exact = left * singular
    assert found.shape == (90, 9)  # a tenth of the cells
    for axis in range(4):  # beyond the planted groups components are noise, alike in size
        likeness = np.corrcoef(found[:, axis], exact[:, axis])[0, 1]
        assert abs(likeness) > 0.999
        assert found[:, axis].std() == pytest.approx(exact[:, axis].std(), rel=1e-3)
    few = lineage.embed(sparse.csr_matrix(counts[:19]), depth[:19], 0)
    assert few.tolist() == np.zeros((19, 1)).tolist()
    assert lineage.embed(sparse.csr_matrix(counts[:20]), depth[:20], 0).shape == (20, 2)
    many = sparse.csr_matrix(rng.poisson(1.0, (400, 60)))
    monkeypatch.setattr(lineage, "N_GENES", 60)
    assert lineage.embed(many, np.full(400, 60.0), 0).shape == (400, 30)
    assert lineage.embed(many[:, :31], np.full(400, 60.0), 0).shape == (400, 29)


def whole_numbers(n, genes=12):
    """Counts of genes that vary together, and the variance of each over its mean."""
    rng = np.random.default_rng(6)
    level = 1 + rng.integers(0, 2, (n, 1)) * rng.integers(0, 4, genes)
    counts = level + rng.binomial(2, 0.3, (n, genes))
    excess = counts.var(0) / counts.mean(0)
    assert excess.min() > 0 and excess.max() < 0.95
    return counts, excess


def embedded(counts):
    return lineage.embed(sparse.csr_matrix(counts), np.full(len(counts), 100.0), 0)


@pytest.mark.parametrize("n", [200, 250])  # one count in them: a mean of 0.005 or 0.004
def test_genes_of_a_mean_up_to_five_thousandths_are_not_looked_at(n):
    counts, _ = whole_numbers(n)
    rare = np.zeros((n, 1), int)
    rare[7] = 1
    assert embedded(np.hstack([counts, rare])).tolist() == embedded(counts).tolist()


def test_a_gene_that_is_seen_a_little_more_takes_the_place_of_one_that_varies_less(monkeypatch):
    monkeypatch.setattr(lineage, "N_GENES", 12)
    counts, excess = whole_numbers(250)
    seen = np.zeros((250, 1), int)
    seen[7] = 2  # a mean of 0.008, a variance of twice that
    both = np.hstack([counts, seen])
    expected = np.delete(both, excess.argmin(), axis=1)
    assert embedded(both).tolist() == embedded(expected).tolist()


def test_the_background_is_a_negative_binomial_of_size_two():
    counts, depth = np.zeros((60, len(GENES)), int), np.full(60, 1000.0)
    counts[:, GENES.index("MS4A1")] = 1
    mean = 57.5 / 57  # half a count more than one a cell
    chance = stats.nbinom.sf(np.arange(30) - 1, 2, 2 / (2 + mean))
    least = int(np.argmax(chance < 1e-3))  # so many counts are too many
    for size, other in ((1, least + 1), (4, least - 1)):
        p = stats.nbinom.sf(other - 2 + (size == 4), size, size / (size + mean))
        assert (p < 1e-3) == (size == 4)
    for cell, total in ((0, least), (1, least - 1)):
        counts[cell, GENES.index("CD79A")] = total - 1
    found = lineage.look_alikes(sparse.csr_matrix(counts), depth, SYMBOLS, MARKERS)
    assert found[:3].tolist() == ["T_B", "", ""]


def blood(kinds, seed=3, depth=4000):
    rng = np.random.default_rng(seed)
    rate = np.full((len(kinds), len(GENES)), 2e-5)
    rate[:, 13:] = rng.lognormal(-7, 0.8, 80)
    on = {"T": GENES[:3], "B": GENES[3:6], "Mono_classical": GENES[6:9], "cDC": ["CD74", "FCER1A"]}
    for i, kind in enumerate(kinds):
        for gene in on.get(kind, []):
            rate[i, GENES.index(gene)] = 2e-3
    counts = rng.poisson(depth * rate)
    var = pd.DataFrame({"gene_symbol": GENES}, index=GENES)
    obs = pd.DataFrame(index=[f"c{i}" for i in range(len(kinds))])
    return ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=var)


def test_the_table_names_the_likeliest_lineage_with_its_probability_and_lead(monkeypatch):
    kinds = ["T"] * 70 + ["B"] * 40 + ["Mono_classical"] * 30 + [""] * 20
    cells = blood(kinds)
    score = np.zeros((160, 4))
    score[np.arange(140), np.repeat([0, 1, 2], [70, 40, 30])] = 0.8
    score[60:70, 1] = 0.79  # as much B as T
    score[140:] = [0.09, 0.0, 0.0, 0.0]  # hardly a marker on
    monkeypatch.setattr(lineage, "marker_score", lambda *_: score)
    asked = []

    def as_it_is(embedding, chance, half):
        asked.append(chance.copy())
        return chance

    monkeypatch.setattr(lineage, "_map", as_it_is)
    found = lineage.lineages(cells, MARKERS)
    weight = np.exp(10 * score)
    chance = weight / weight.sum(1, keepdims=True)
    assert asked[0] == pytest.approx(chance) and len(asked) == 4
    for _ in range(4):  # the map and half of the weight of the markers, in turn
        weight = (chance + 1e-3) * np.exp(0.5 * 10 * score)
        chance = weight / weight.sum(1, keepdims=True)
    order = np.sort(chance, axis=1)
    assert found["lineage_score"].to_numpy() == pytest.approx(order[:, -1])
    assert found["lineage_margin"].to_numpy() == pytest.approx(order[:, -1] - order[:, -2])
    named = np.array(["T", "B", "Mono_classical", "cDC"])[chance.argmax(1)]
    unsure = (order[:, -1] < 0.5) | (score.max(1) < 0.1)
    assert found["lineage"].tolist() == np.where(unsure, "unassigned", named).tolist()
    assert (found["lineage"][140:] == "unassigned").all() and (order[140:, -1] > 0.5).all()
    assert found.index.tolist() == cells.obs_names.tolist()


def test_look_alikes_are_sought_among_t_cells_only():
    cells = blood(["T"] * 80 + ["B"] * 40)
    counts = cells.X.tolil()
    for gene in FOREIGN["Mono_classical"]:
        counts[[0, 90], GENES.index(gene)] = 12
    cells.X = counts.tocsr()
    found = lineage.lineages(cells, MARKERS)
    assert found["lineage"].tolist()[1:80] == ["T"] * 79
    assert found["look_alike"].iloc[0] == "T_Mono_classical"
    assert (found["look_alike"].iloc[1:] == "").all()
