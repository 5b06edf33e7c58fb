"""A planted imbalance comes back with its sign and size; where nothing is planted nothing is."""

import numpy as np
import pytest
from road import log_ratio, tables, walk
from scipy import stats
from sklearn.metrics import f1_score
from tilt.config import check
from tilt.donors import composition, imbalance
from tilt.simulate import cohort as simulate
from tilt.stages import comparison
from tilt.stats import contrast, design, plan

DONORS = (8, 8)


@pytest.fixture(scope="module")
def planted():
    sheet = simulate.sheet(*DONORS, batches=2, seed=1)
    # Composition as planted: what tracks a donor's states is asked in test_perturbations_truth.
    untracked = {"interferon": 0.0, "ahr_jun": 0.0}
    return walk("demo_cd4", sheet, seed=11, n_cells=1100, tracking=untracked)


@pytest.fixture(scope="module")
def null():
    sheet = simulate.sheet(*DONORS, batches=2, seed=2)
    return walk("demo_cd4", sheet, seed=12, null=True, n_cells=1100)


def difference(walked, column):
    """Mean log-ratio of cases minus controls, and the donors' values in both arms."""
    ratio = log_ratio(walked.labels, column)
    case = walked.sheet.set_index("donor").loc[ratio.index, "condition"] == "SLE"
    return ratio[case].mean() - ratio[~case].mean(), ratio[case], ratio[~case]


def test_planted_imbalance_is_recovered(planted):
    """Estimate and truth see the same donors and cells, so only labeling errors part them:
    within 0.35 of a planted shift of 1.2 on the log scale, and donors in the same order."""
    true, _, _ = difference(planted, "true_subset")
    found, case, control = difference(planted, "subset")
    assert true > 0.6
    assert found == pytest.approx(true, abs=0.35)
    rho = stats.spearmanr(
        log_ratio(planted.labels, "subset"), log_ratio(planted.labels, "true_subset")
    )
    assert rho.statistic > 0.8
    assert stats.ttest_ind(case, control).pvalue < 0.05


def test_nothing_planted_nothing_called(null):
    """Labeling errors do not lean to an arm: they differ by less than 2.5 standard errors, and
    those are small enough (0.3) for a shift of 1.2 to stand out."""
    found, case, control = difference(null, "subset")
    true, true_case, true_control = difference(null, "true_subset")
    error = np.sqrt((case - true_case).var() / 8 + (control - true_control).var() / 8)
    assert error < 0.3
    assert found == pytest.approx(true, abs=2.5 * error)
    assert stats.ttest_ind(case, control).pvalue > 0.05


def labeled_effects(walked):
    """E1 as it leads and corrected for mislabeled cells, by the steps of the workflow."""
    settings = plan.imbalance_settings(check.defaults()["imbalance"])
    donors = walked.sheet[["donor", "condition"]].assign(cohort="made")
    cells = walked.labels.merge(walked.sheet[["donor", "condition"]], on="donor", how="left")
    markers = tables()[0]
    counted = composition.count(cells, markers, donors, "cd4", None, walked.scores)
    confusion = composition.confusion(cells, markers, walked.scores)
    signatures = tables()[1]
    values, _ = imbalance.estimate(counted, None, donors, signatures, settings)
    declared = contrast.Plan(design.Contrast("SLE", "control"), (), None, 99, 99)
    made = comparison.compare(donors, declared, settings, counted, values, None, confusion)
    rows = made[made["quantity"] == "E1"].set_index("method")
    return rows.loc["wls_hc2"], rows.loc["corrected_wls_hc2"]


def test_the_corrected_effect_covers_what_is_planted(planted):
    """The cells that donors have differ by 1.2; the labels lose a tenth of it or more."""
    true, _, _ = difference(planted, "true_subset")
    plain, right = labeled_effects(planted)
    assert plain["effect"] < 0.95 * true
    assert plain["effect"] < right["effect"] < 2 * true
    assert max(right["ci_low"], 0) < true < right["ci_high"]
    assert right["fold"] == pytest.approx(np.exp(right["effect"]))


def test_nothing_planted_nothing_is_made_by_the_correction(null):
    plain, right = labeled_effects(null)
    assert plain["ci_low"] < 0 < plain["ci_high"]
    assert right["ci_low"] < 0 < right["ci_high"]
    assert right["p"] > 0.05


def test_interferon_state_is_planted_and_found(planted, null):
    def gap(walked):
        share = walked.labels.groupby("donor")["isg_high"].mean()
        case = walked.sheet.set_index("donor").loc[share.index, "condition"] == "SLE"
        return share[case].mean() - share[~case].mean()

    assert gap(planted) > 0.03
    assert abs(gap(null)) < 0.02


def test_labels_agree_with_the_truth(planted):
    """Macro-F1 over the planted CD4 subsets, singlets only."""
    labels = planted.labels
    clean = labels[~labels["true_is_doublet"].astype(bool) & (labels["true_lineage"] == "T")]
    names = [name for name in clean["true_subset"].unique() if name.startswith("CD4")]
    score = f1_score(clean["true_subset"], clean["subset"], labels=names, average="macro")
    assert len(names) == 12
    assert score > 0.75


def test_interferon_high_cells_keep_their_subset(planted):
    """The state is an overlay: interferon-high cells are labeled as well as the others."""
    labels = planted.labels[planted.labels["true_lineage"] == "T"]
    right = labels["subset"] == labels["true_subset"]
    high = labels["true_isg_high"].astype(bool)
    assert high.sum() > 100
    assert right[high].mean() > right[~high].mean() - 0.08


def test_labels_never_see_the_condition(planted):
    """Swapping the arms of the sheet changes no label: annotation gets no condition at all."""
    assert "condition" not in planted.labels
    donors = planted.sheet.set_index("donor")["condition"]
    share = planted.labels.groupby("donor")["tph_high"].mean()
    pooled = planted.labels.groupby("donor").size()
    assert np.isfinite(share).all()
    assert set(share.index) == set(donors.index) == set(pooled.index)
