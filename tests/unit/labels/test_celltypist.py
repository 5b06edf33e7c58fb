"""A CellTypist model file: read without running it, applied as scikit-learn would."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import StandardScaler
from tilt.labels import celltypist

GENES = np.array([f"GENE{n}" for n in range(40)])
KINDS = np.array(["naive", "memory", "cytotoxic"])


def counts(n: int, kinds: int = 3, seed: int = 1):
    """Counts of cells, each kind with ten genes of its own, and the true kind."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, kinds, n)
    rate = np.full((n, len(GENES)), 1.0)
    for k in range(kinds):
        rate[np.ix_(kind == k, np.arange(10 * k, 10 * k + 10))] = 6.0
    return sparse.csr_matrix(random.poisson(rate).astype(np.int32)), KINDS[kind]


def scaled(matrix, scaler):
    dense = matrix.toarray()
    dense = np.log1p(1e4 * dense / dense.sum(1, keepdims=True))
    return np.minimum(scaler.transform(dense), 10)


def write_model(path, kinds=3, classifier=None, genes=GENES):
    """Train a model as CellTypist does and write it as it does."""
    matrix, truth = counts(300, kinds)
    dense = matrix.toarray()
    scaler = StandardScaler().fit(np.log1p(1e4 * dense / dense.sum(1, keepdims=True)))
    classifier = classifier or LogisticRegression(max_iter=200)
    classifier.fit(scaled(matrix, scaler), truth)
    classifier.features = genes
    content = {"Model": classifier, "Scaler_": scaler, "description": {"date": "today"}}
    path.write_bytes(pickle.dumps(content))
    return classifier, scaler


@pytest.mark.parametrize("kinds", [2, 3])
@pytest.mark.parametrize("make", [LogisticRegression, lambda: SGDClassifier(loss="log_loss")])
def test_labels_and_confidence_are_those_of_scikit_learn(tmp_path, kinds, make):
    classifier, scaler = write_model(tmp_path / "m.pkl", kinds, make())
    matrix, truth = counts(4500, kinds, seed=2)
    model = celltypist.read_model(tmp_path / "m.pkl")
    blocks = [(0, matrix[:2500]), (2500, matrix[2500:])]
    found = celltypist.predict(blocks, GENES, model, {})
    score = classifier.decision_function(scaled(matrix, scaler))
    score = np.column_stack([-score, score]) if score.ndim == 1 else score
    assert found["celltypist_label"].tolist() == classifier.classes_[score.argmax(1)].tolist()
    expected = 1 / (1 + np.exp(-score.max(1)))
    assert found["celltypist_confidence"].to_numpy() == pytest.approx(expected)
    assert (found["celltypist_label"] == truth).mean() > 0.95


@pytest.mark.parametrize("centered", [True, False, None])
def test_means_are_taken_off_unless_the_model_says_otherwise(tmp_path, centered):
    _, scaler = write_model(tmp_path / "m.pkl")
    content = pickle.loads((tmp_path / "m.pkl").read_bytes())
    if centered is None:  # of a version of scikit-learn that does not say
        del content["Scaler_"].with_mean
    else:
        content["Scaler_"].with_mean = centered
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(content))
    found = celltypist.read_model(tmp_path / "m.pkl").mean
    assert found.tolist() == (np.zeros(40) if centered is False else scaler.mean_).tolist()


def test_genes_are_found_by_name_in_any_order_and_the_depth_is_that_of_all_genes(tmp_path):
    write_model(tmp_path / "m.pkl")
    model = celltypist.read_model(tmp_path / "m.pkl")
    matrix, _ = counts(200, seed=3)
    whole = celltypist.predict([(0, matrix)], GENES, model, {})
    order = np.random.default_rng(1).permutation(len(GENES))
    names = np.array(["NEW5" if g == "GENE5" else g for g in GENES[order]])
    turned = celltypist.predict([(0, matrix[:, order])], names, model, {"GENE5": "NEW5"})
    np.testing.assert_allclose(whole["celltypist_confidence"], turned["celltypist_confidence"])
    rows, columns = celltypist.matched(model, names, {})
    assert len(rows) == 39 and "GENE5" not in model.genes[rows]
    assert (names[columns] == model.genes[rows]).all()
    # one more gene that the model does not know: its counts belong to the depth
    more = sparse.hstack([matrix, np.full((200, 1), 40)], format="csr").astype(np.int32)
    deeper = celltypist.predict([(0, more)], [*GENES, "OTHER"], model, {})
    assert not np.allclose(deeper["celltypist_confidence"], whole["celltypist_confidence"])


def test_no_gene_of_the_model_and_no_cells(tmp_path):
    write_model(tmp_path / "m.pkl")
    model = celltypist.read_model(tmp_path / "m.pkl")
    with pytest.raises(ValueError, match="no gene of the CellTypist model"):
        celltypist.predict([], ["ENSG1"], model, {})
    assert celltypist.predict([], GENES, model, {}).empty


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_in_a_file_is_run_and_other_files_are_refused(tmp_path):
    harm, model = tmp_path / "harm", tmp_path / "m.pkl"
    model.write_bytes(pickle.dumps({"Model": Harmful(harm), "Scaler_": 1, "description": {}}))
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1000000000000\ntS'd'\ntR."
    text = b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"abc."
    others = (b"not a pickle", pickle.dumps([1, 2]), b"", array, text)
    for content in (model.read_bytes(), *others):
        model.write_bytes(content)
        with pytest.raises(ValueError, match=r"m\.pkl is no CellTypist model: .*Fix: name a .pkl"):
            celltypist.read_model(model)
    assert not harm.exists()
    write_model(model, genes=GENES[:39])
    with pytest.raises(ValueError, match="different sizes"):
        celltypist.read_model(model)


def test_scaled_values_are_cut_off_at_ten():
    model = celltypist.Model(
        genes=np.array(["A", "B"]),
        labels=np.array(["x", "y"]),
        weights=np.array([[0.1, -0.3]]),
        intercept=np.array([0.2]),
        mean=np.array([1.0, 2.0]),
        scale=np.array([0.1, 4.0]),
    )
    matrix = sparse.csr_matrix(np.array([[3, 1, 6], [0, 0, 0], [0, 1, 0]], np.int32))
    found = celltypist.predict([(0, matrix)], ["A", "B", "C"], model, {})
    b = (np.log1p(1e4 * 1 / 10) - 2) / 4
    score = 0.1 * 10 - 0.3 * b + 0.2  # A would be 70
    empty = 0.1 * -10 - 0.3 * -0.5 + 0.2  # not cut off below; a cell without counts is all zeros
    assert found["celltypist_label"].tolist() == ["y", "x", "x"]
    single = 0.1 * -10 - 0.3 * (np.log1p(1e4) - 2) / 4 + 0.2
    expected = [1 / (1 + np.exp(-abs(value))) for value in (score, empty, single)]
    assert found["celltypist_confidence"].tolist() == pytest.approx(expected)


def test_genes_are_looked_up_as_written_then_by_their_current_name():
    model = celltypist.Model(*[np.array(["A", "OLD", "NEW", "GONE"])] * 6)
    aliases = {"OLD": "NEW", "GONE": "HERE"}
    rows, columns = celltypist.matched(model, ["HERE", "NEW", "A", "A"], aliases)
    # OLD is not read from NEW, which the model has under its own name; of two A the first counts
    assert list(zip(rows, columns, strict=True)) == [(0, 2), (2, 1), (3, 0)]
