"""All genes at once against PyDESeq2 gene by gene, and against DESeq2 in R."""

import contextlib
import io
import warnings

import numpy as np
import pandas as pd
import pytest
from pydeseq2.dds import DeseqDataSet
from pydeseq2.default_inference import DefaultInference
from pydeseq2.ds import DeseqStats
from tilt.stats import negative_binomial
from tilt.stats.negative_binomial import AllGenes

OURS, THEIRS = AllGenes(n_cpus=1), DefaultInference(n_cpus=1)


@pytest.fixture(scope="module")
def study():
    """Counts of 12 donors in 120 genes, six of them changed, and the design."""
    draw = np.random.RandomState(5)
    case, age = np.repeat([1.0, 0.0], 6), draw.normal(0, 1, 12)
    base, dispersion = draw.lognormal(5, 1.2, 120), draw.choice([0.002, 0.05, 0.3], 120)
    change = np.exp(np.outer(case, np.r_[np.full(6, 1.0), np.zeros(114)]))
    mean = np.exp(draw.normal(0, 0.2, 12))[:, None] * base * change
    counts = draw.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean))
    names = [f"D{i}" for i in range(12)]
    design = pd.DataFrame({"intercept": 1.0, "age": age, "condition": case}, index=names)
    return pd.DataFrame(counts, index=names, columns=[f"g{i}" for i in range(120)]), design


def test_it_is_deseq2(study):
    """R 4.2, DESeq2 1.38.3: on ``~ age + condition``, DESeq(d, minReplicatesForReplace = Inf) and
    results(d, name = "condition", independentFiltering = FALSE, cooksCutoff = FALSE)."""
    counts, design = study
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        data = DeseqDataSet(
            counts=counts,
            metadata=design,
            design=design,
            inference=OURS,
            refit_cooks=False,
            quiet=True,
        )
        data.deseq2()
        vector = np.array([0.0, 0.0, 1.0])
        tested = DeseqStats(
            data,
            contrast=vector,
            inference=OURS,
            cooks_filter=False,
            independent_filter=False,
            quiet=True,
        )
        tested.summary()
    assert list(data.uns["trend_coeffs"]) == pytest.approx([0.1266537, 0.7515461], rel=0.005)
    assert data.uns["prior_disp_var"] == pytest.approx(1.655411, rel=0.001)
    found = data.var["genewise_dispersions"].to_numpy()[:8]
    gene = [
        0.12457047,
        0.04570147,
        0.52320385,
        0.37032320,
        0.03750470,
        0.24507082,
        1e-8,
        0.17332979,
    ]
    assert found == pytest.approx(gene, rel=1e-5)
    found = data.var["MAP_dispersions"].to_numpy()[:8]
    most = [0.1254220, 0.0523952, 0.4493165, 0.3322546, 0.0441820, 0.2286218, 0.0337786, 0.1671298]
    assert found == pytest.approx(most, rel=0.004)
    table = tested.results_df[:8]
    fold = [1.169854, 1.435665, 0.875416, 1.485651, 1.879057, 1.603060, -0.182217, -0.186234]
    assert table["log2FoldChange"].to_numpy() == pytest.approx(fold, abs=1e-5)
    error = [0.377644, 0.242421, 0.727002, 0.609804, 0.221514, 0.497245, 0.299789, 0.428473]
    assert table["lfcSE"].to_numpy() == pytest.approx(error, rel=0.002)


@pytest.fixture(scope="module")
def fitted(study):
    """Arrays that PyDESeq2 hands to its inference: counts, size factors, design, dispersions."""
    counts, design = study
    y = counts.to_numpy().copy()
    y[:6, -1] = 0  # one gene of one arm alone
    size = y.sum(axis=1) / y.sum(axis=1).mean()
    return y, size, design.to_numpy(), np.linspace(0.01, 0.5, 120)


@pytest.mark.parametrize("most", [30, 3])
def test_coefficients_means_and_leverages_are_pydeseq2s(fitted, most):
    """With ``most`` of 3, many genes diverge and go to the other optimizer."""
    known = (*fitted, 0.5, 1e-8, -30, most)
    for ours, theirs in zip(OURS.irls(*known), THEIRS.irls(*known), strict=True):
        assert np.shape(ours) == np.shape(theirs)
        assert np.asarray(ours, float) == pytest.approx(
            np.asarray(theirs, float), rel=1e-6, abs=1e-7
        )


def test_few_steps_hand_over_to_the_other_optimizer(fitted):
    known = (*fitted, 0.5, 1e-8, -30, 30, "L-BFGS-B", 3)
    ours, theirs = OURS.irls(*known)[0], THEIRS.irls(*known)[0]
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    assert np.abs(ours - OURS.irls(*fitted, 0.5, 1e-8)[0]).max() > 1e-5


def test_dispersions_under_a_prior_are_pydeseq2s(fitted):
    y, size, design, trend = fitted
    mean = THEIRS.irls(y, size, design, trend, 0.5, 1e-8)[1]
    for reg in (True, False):
        known = (y, design, mean, trend, 1e-8, 12.0, 0.7, reg, True)
        ours, theirs = OURS.alpha_mle(*known)[0], THEIRS.alpha_mle(*known)[0]
        assert np.log(ours) == pytest.approx(np.log(theirs), abs=1e-4)


def test_dispersions_without_a_prior_are_about_as_likely_as_pydeseq2s(fitted):
    """DESeq2's search stops earlier where the likelihood is flat."""
    y, size, design, start = fitted
    mean = THEIRS.irls(y, size, design, start, 0.5, 1e-8)[1]
    known = (y, design, mean, start, 1e-8, 12.0)
    ours, theirs = OURS.alpha_mle(*known)[0], THEIRS.alpha_mle(*known)[0]
    plain = theirs > 0.02
    assert plain.sum() > 80
    assert np.log(ours[plain]) == pytest.approx(np.log(theirs[plain]), abs=0.01)

    def height(dispersion):
        weight = mean / (1 + mean * dispersion)
        information = np.einsum("ij,ig,ik->gjk", design, weight, design)
        likelihood = negative_binomial._minus_log_likelihood(y, mean, dispersion)
        return likelihood + 0.5 * np.linalg.slogdet(information)[1]

    assert (height(ours) - height(theirs)).max() < 0.1


def test_limits_hold(fitted):
    y, size, design, start = fitted
    mean = THEIRS.irls(y, size, design, start, 0.5, 1e-8)[1]
    for prior in ((), (0.7, True, True)):
        found = OURS.alpha_mle(y, design, mean, start, 0.04, 0.2, *prior)[0]
        assert (found.min(), found.max()) == pytest.approx((0.04, 0.2), rel=1e-12)


def test_wald_tests_and_least_squares_are_pydeseq2s(fitted):
    y, size, design, dispersion = fitted
    beta, mean, _, _ = THEIRS.irls(y, size, design, dispersion, 0.5, 1e-8)
    known = (design, dispersion, beta, mean, 1e-6 * np.eye(3), np.array([0.0, 0.3, 1.0]))
    for null in (0.0, 0.4):
        ours, theirs = OURS.wald_test(*known, null), THEIRS.wald_test(*known, null)
        for one, other in zip(ours, theirs, strict=True):
            assert one == pytest.approx(other, rel=1e-9)
    with pytest.raises(NotImplementedError, match="an interval"):
        OURS.wald_test(*known, 0.0, "greater")
    found, expected = (one.lin_reg_mu(y, size, design, 0.5) for one in (OURS, THEIRS))
    assert found == pytest.approx(expected, rel=1e-9)


def test_blocks_change_nothing(fitted, monkeypatch):
    y, size, design, start = fitted
    whole = OURS.irls(y, size, design, start, 0.5, 1e-8)
    alpha = OURS.alpha_mle(y, design, whole[1], start, 1e-8, 12.0)[0]
    monkeypatch.setattr(negative_binomial, "BLOCK", 12 * 7)  # seven genes
    assert len(list(negative_binomial._blocks(120, design))) == 18
    for one, other in zip(whole, OURS.irls(y, size, design, start, 0.5, 1e-8), strict=True):
        assert np.asarray(other, float) == pytest.approx(np.asarray(one, float), rel=1e-12)
    again = OURS.alpha_mle(y, design, whole[1], start, 1e-8, 12.0)[0]
    assert np.log(again) == pytest.approx(np.log(alpha), abs=1e-6)
