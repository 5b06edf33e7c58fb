"""Error rates and intervals of the donor statistics over many ways in which donors can be.

A cohort's design is made once; counts of all cohorts of a scenario are drawn and tested as arrays,
with the functions of the workflow.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

import donor_cohorts as made
import numpy as np
from scipy.special import logit
from tilt.donors import composition, imbalance
from tilt.stats import design, inference, moderate, overdispersed, precision, resampling

PERMUTED, DRAWN, OTHER = 499, 399, 10**8  # OTHER: seeds apart from those of the cohorts
Counts = tuple[np.ndarray, np.ndarray, np.ndarray]  # cells, Tph-like, Th22-like
Found = Iterator[tuple[str, inference.Estimate]]


def weighted(counts: Counts, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E1 and its design, both times the root weights, as the workflow makes them."""
    value, variance = imbalance.ratio_values(*(n.astype(float) for n in counts))
    root, _ = precision.root_weights(value, variance, matrix)
    return value * root, matrix * root[:, None]


def main_methods(counts: Counts, arms: design.Design) -> Found:
    """(quantity and method, estimate) of the tests of one cohort that need no resampling."""
    cells, tph, th22 = (n.astype(float) for n in counts)
    logs = np.log(np.column_stack([tph, th22, cells - tph - th22]) + 0.5)
    values = {
        "Tph share arcsine_ols_hc2": composition.arcsine(tph, cells),
        "Tph share points_ols_hc2": 100 * tph / cells,
        "Tph share clr_ols_hc2": logs[:, 0] - logs.mean(axis=1),
        "E1 unweighted_ols_hc2": imbalance.ratio_values(cells, tph, th22)[0],
    }
    for name, y in values.items():
        effect, se = (float(v[0]) for v in inference.hc2(y[None, :], arms.fit))
        yield name, inference.from_t(effect, se, arms.fit.df_effect)
    yield "E1 wls_hc2", inference.ols(*weighted(counts, arms.matrix))


def other_methods(counts: Counts, arms: design.Design, seed: int) -> Found:
    """The same by resampling and by ranks; ``seed`` that of the cohort."""
    cells, tph, th22 = (n.astype(float) for n in counts)
    orders, complete = arms.orders(PERMUTED, OTHER)
    rng = np.random.default_rng(seed + OTHER)
    angle = composition.arcsine(tph, cells)
    y, matrix = weighted(counts, arms.matrix)
    for name, outcome, fit, plain in (
        ("Tph share", angle, arms.fit, 100 * tph / cells),
        ("E1", y, inference.project(matrix), imbalance.ratio_values(cells, tph, th22)[0]),
    ):
        yield f"{name} permutation", resampling.permutation(outcome, fit, orders, complete)
        yield f"{name} bootstrap_t", resampling.bootstrap_t(outcome, fit, DRAWN, rng)
        yield f"{name} mann_whitney", inference.hodges_lehmann(plain, arms.case, arms.strata)


def donor_methods(counts: Counts, arms: design.Design, seed: int) -> Found:
    """Every method but the models of counts."""
    yield from main_methods(counts, arms)
    yield from other_methods(counts, arms, seed)


def models(counts: Counts, arms: design.Design, seed: int) -> Found:
    """The same by models of counts, which draw nothing."""
    cells, tph, th22 = (n.astype(float) for n in counts)
    some = tph + th22 > 0
    for name, model, given in (
        ("Tph share quasi_binomial", overdispersed.quasi_binomial, (tph, cells, arms.matrix)),
        (
            "E1 logit_normal",
            overdispersed.logit_normal,
            (tph[some], (tph + th22)[some], arms.matrix[some]),
        ),
    ):
        try:
            yield name, model(*given)[0]
        except ValueError:
            continue


def measured(
    scenario: made.Scenario, seeds: range, by: Callable[..., Found] = donor_methods
) -> dict[str, list[inference.Estimate]]:
    """Estimates of every method of ``by`` over the cohorts of a scenario."""
    donors = made.people(scenario)
    strata = ("batch",) if len(scenario.batches) > 1 else ()
    arms = design.build(donors, design.Contrast("SLE", "control", strata=strata))
    batch = donors["batch"].str[1:].astype(int).to_numpy()
    out = defaultdict(list)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        counts = made.draw_counts(scenario, rng, arms.case == 1, batch)
        for name, estimate in by(counts, arms, seed):
            out[name].append(estimate)
    return out


def rate(found: list[inference.Estimate]) -> tuple[float, int]:
    """Share of p below 0.05, and of how many."""
    p = np.array([e.p for e in found if np.isfinite(e.p)])
    return (float(np.mean(p < 0.05)), len(p)) if len(p) else (np.nan, 0)


def held(found: list[inference.Estimate], truth: float) -> tuple[float, int]:
    """Share of intervals that hold ``truth``, and of how many."""
    inside = [e.ci_low <= truth <= e.ci_high for e in found if np.isfinite(e.ci_low)]
    return (float(np.mean(inside)), len(inside)) if inside else (np.nan, 0)


def truths(scenario: made.Scenario) -> dict[str, float]:
    """What each method estimates, from 200,000 donors; that of E1 is what was planted."""
    many = replace(scenario, batches=((100_000, 100_000),), batch_sd=0.0)
    case = np.arange(200_000) < 100_000
    counts = made.draw_counts(many, np.random.default_rng(10**6), case, np.zeros(200_000, int))

    def gap(values: np.ndarray) -> float:
        values = np.asarray(values)
        return float(values[case].mean() - values[~case].mean())

    cells, tph, th22 = (n.astype(float) for n in counts)
    logs = np.log(np.column_stack([tph, th22, cells - tph - th22]) + 0.5)
    angle = gap(composition.arcsine(tph, cells))
    planted = float(
        np.log(scenario.case[0] / scenario.tph) - np.log(scenario.case[1] / scenario.th22)
    )
    found = dict.fromkeys(("permutation", "bootstrap_t", "arcsine_ols_hc2"), angle)
    found |= {
        "points_ols_hc2": gap(100 * tph / cells),
        "clr_ols_hc2": gap(logs[:, 0] - logs.mean(1)),
        "quasi_binomial": mean_odds(tph / cells, case),
    }
    out = {f"Tph share {name}": value for name, value in found.items()}
    e1 = (
        "wls_hc2",
        "unweighted_ols_hc2",
        "permutation",
        "bootstrap_t",
        "mann_whitney",
        "logit_normal",
    )
    return out | {f"E1 {name}": planted for name in e1}


def mean_odds(share: np.ndarray, case: np.ndarray) -> float:
    """Log odds ratio of the mean shares of the arms."""
    return float(logit(share[case].mean()) - logit(share[~case].mean()))


def moderated(
    arms: tuple[int, int], paired: bool, spread: float, cohorts: int, seed: int
) -> np.ndarray:
    """p (cohorts x subsets) of null tables of twelve subsets of biology differing by ``spread``."""
    rng = np.random.default_rng(seed)
    n1, n0 = arms
    share = np.geomspace(0.25, 0.005, 12)
    sd = (0.2 if paired else 0.4) * np.exp(spread * rng.normal(size=12))
    out = []
    for _ in range(cohorts):
        own = rng.normal(0, 0.5, (n1, 12))
        logs = np.log(share) + rng.normal(size=(n1 + n0, 12)) * sd
        logs += np.r_[own, own] if paired else 0
        p = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
        cells = rng.lognormal(np.log(1500), 0.4, n1 + n0).astype(int)
        n = np.array([rng.multinomial(t, q) for t, q in zip(cells, p, strict=True)])
        angle = composition.arcsine(n, cells[:, None])
        chance = 1 / (4 * cells)
        matrix = np.column_stack([np.ones(n1 + n0), np.r_[np.ones(n1), np.zeros(n0)]])
        if paired:
            angle, chance = angle[:n1] - angle[n1:], chance[:n1] + chance[n1:]
            matrix = np.ones((n1, 1))
        fit = inference.project(matrix)
        effect, se = inference.hc2(angle.T, fit)
        influence = np.square(fit.partial / (fit.partial @ fit.partial))
        mean = (n / cells[:, None]).mean(axis=0)
        biology = mean * (1 - mean) * influence.sum() * (2 if paired else 1)
        df = np.full(12, fit.df_effect)
        variance, free = moderate.squeeze(se**2, df, np.full(12, influence @ chance), biology)
        out.append(
            [
                inference.from_t(e, float(np.sqrt(v)), float(d)).p
                for e, v, d in zip(effect, variance, free, strict=True)
            ]
        )
    return np.array(out)
