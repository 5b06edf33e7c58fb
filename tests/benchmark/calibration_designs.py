"""Size, coverage and power of designs beyond two arms: matched sets, visits, no difference."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import calibration_donors as many
import donor_cohorts as made
import numpy as np
from calibration_table import COVER, RATE, Table
from tilt.donors import imbalance
from tilt.stats import design, equivalence, inference, mixed, precision, resampling

ANY = (0.0, 1.0)  # of power, which is told and has no target
MARGIN = float(np.log(2))
PERMUTED = 199


def estimates(scenario: made.Scenario, seeds: range) -> dict[str, list[inference.Estimate]]:
    """Main estimates of every cohort of a scenario, within its strata."""
    donors = made.people(scenario)
    strata = ("batch",) if len(scenario.batches) > 1 else ()
    arms = design.build(donors, design.Contrast("SLE", "control", strata=strata))
    batch = donors["batch"].str[1:].astype(int).to_numpy()
    out = defaultdict(list)
    for seed in seeds:
        counts = made.draw_counts(scenario, np.random.default_rng(seed), arms.case == 1, batch)
        for name, estimate in many.main_methods(counts, arms):
            if name.endswith(("E1 wls_hc2", "arcsine_ols_hc2")):
                out[name].append(estimate)
    return out


def matched(table: Table) -> None:
    """Matched sets: nothing planted, and the strong effect of the log-ratio."""
    for scenario in made.MATCHED:
        for name, found in estimates(scenario, table.seeds).items():
            if name.startswith("Tph") and scenario.case_spread != 1:
                continue  # on the scale of shares those arms differ
            value, k = many.rate(found)
            table.add(f"false positives, {scenario.name}", name, value, RATE, k)
            table.add(f"coverage of 0, {scenario.name}", name, many.held(found, 0.0)[0], COVER, k)
        strong = replace(scenario, case=made.STRONG)
        found = estimates(strong, table.seeds)["E1 wls_hc2"]
        truth = many.truths(scenario=strong)["E1 wls_hc2"]
        value, k = many.held(found, truth)
        table.add(f"coverage, {scenario.name}", "E1 wls_hc2", value, COVER, k)
        table.add(f"power, {scenario.name}", "E1 wls_hc2", many.rate(found)[0], ANY, k)


def no_difference(table: Table) -> None:
    """How often "no difference" is said, at a true difference of the margin and at none."""
    fold = (made.TPH * 2**0.5, made.TH22 / 2**0.5)
    for n in ((10, 8), (20, 20), (60, 60)):
        for case, how, target in ((fold, "the margin", (0.0, 0.07)), (None, "none", ANY)):
            scenario = made.Scenario("", (n,), case=case or (made.TPH, made.TH22))
            found = estimates(scenario, table.seeds)["E1 wls_hc2"]
            said = [equivalence.tost(e.effect, e.se, e.df, MARGIN) < 0.05 for e in found]
            name = f"{n[0]}+{n[1]}, true difference {how}"
            table.add("equivalence within a ratio of 2", name, np.mean(said), target, len(said))


@dataclass(frozen=True)
class Repeated:
    """Donors at two visits: SD between donors of each log share, and between their visits."""

    name: str
    n: tuple[int, int]
    sd: float = 0.5
    visit_sd: tuple[float, float] = (0.25, 0.25)  # cases, controls
    missing: float = 0.0  # share of the later visits of an arm
    cells: int = 1000


REPEATED = (
    Repeated("12+9", (12, 9)),
    Repeated("5+4", (5, 4)),
    Repeated("12+9, a third came once", (12, 9), missing=1 / 3),
    Repeated("30+20, a third came once, visits of SLE spread x2", (30, 20), visit_sd=(0.5, 0.25),
             missing=1 / 3),
)  # fmt: skip


def drawn(
    about: Repeated, change: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Who is a case and who came again (donors,), E1 and its variance (visits x donors).

    The log-ratio of cases changes by ``change``.
    """
    case = np.repeat([True, False], about.n)
    own = rng.normal(0, about.sd, (len(case), 2))
    again = np.ones(len(case), bool)
    for inside in (np.flatnonzero(case), np.flatnonzero(~case)):
        again[rng.permutation(inside)[: round(about.missing * len(inside))]] = False
    value, variance = np.empty((2, len(case))), np.empty((2, len(case)))
    for place in (0, 1):
        logs = own + np.where(case, *about.visit_sd)[:, None] * rng.normal(size=own.shape)
        logs += place * np.where(case, change / 2, 0)[:, None] * [1, -1]
        cells = np.maximum(rng.lognormal(np.log(about.cells), 0.4, len(case)).astype(int), 50)
        share = np.minimum(np.array([made.TPH, made.TH22]) * np.exp(logs), 0.4)
        tph, th22 = (rng.binomial(cells, p).astype(float) for p in share.T)
        value[place], variance[place] = imbalance.ratio_values(cells.astype(float), tph, th22)
    return case, again, value, variance


def in_one_model(
    who: np.ndarray, again: np.ndarray, value: np.ndarray, variance: np.ndarray, base: np.ndarray
) -> inference.Estimate:
    """The change of donors ``who`` by the mixed model of the workflow; ``base`` n x k."""
    first, later = np.flatnonzero(who), np.flatnonzero(who & again)
    at = np.r_[first, later]
    late = np.repeat([0.0, 1.0], [len(first), len(later)])
    given = [np.r_[rows[0, first], rows[1, later]] for rows in (value, variance)]
    matrix = np.column_stack([base[at], base[at] * late[:, None]])
    return mixed.fit(given[0], matrix, at, given[1]).estimate


def changes(
    about: Repeated, change: float, seed: int
) -> Iterator[tuple[str, float, inference.Estimate | None]]:
    """(name, p, estimate) of the change of cases and of the change by arm in one cohort."""
    rng = np.random.default_rng(seed)
    case, again, value, variance = drawn(about, change, rng)
    gap, noise = value[1] - value[0], variance.sum(axis=0)
    both = np.column_stack([np.ones(len(case)), case])
    for kind, who, base in (("change", case, both[:, :1]), ("change by arm", case | True, both)):
        whole = who & again
        root, _ = precision.root_weights(gap[whole], noise[whole], base[whole])
        fit, scaled = inference.project(base[whole] * root[:, None]), gap[whole] * root
        one = inference.ols(scaled, base[whole] * root[:, None])
        method = "wls_hc2" if kind != "change" else "paired_t"
        yield f"{kind} {method}", one.p, one
        if kind == "change":
            signs, complete = resampling.flips(len(scaled), PERMUTED, rng)
            observed, *null = resampling.studentized(np.vstack([scaled, scaled * signs]), fit)
            yield f"{kind} permutation", resampling.tail(observed, np.array(null), complete), None
        else:
            arms = case[whole].astype(int)
            orders, complete = resampling.permutations(arms, 0 * arms, PERMUTED, rng, exact=True)
            p, _ = resampling.permutation_p(scaled, fit, orders, complete)
            yield f"{kind} permutation", p, None
        found = in_one_model(who, again, value, variance, base)
        yield f"{kind} mixed", found.p, found


def repeated(table: Table) -> None:
    """Change of cases and change by arm: by the declared method, in one model, permuted."""
    for change in (0.0, -0.7):
        for about in REPEATED:
            hits, held = defaultdict(list), defaultdict(list)
            for seed in table.seeds:
                for name, p, one in changes(about, change, seed):
                    hits[name].append(p < 0.05)
                    if one is not None:
                        held[name].append(one.ci_low <= change <= one.ci_high)
            what = f"visits {about.name}"
            for name, told in hits.items():
                task, target = ("power", ANY) if change else ("false positives", RATE)
                table.add(f"{task}, {what}", name, np.mean(told), target, len(told))
            for name, told in held.items():
                task = "coverage" if change else "coverage of 0"
                table.add(f"{task}, {what}", name, np.mean(told), COVER, len(told))


TASKS = {"matched": matched, "equivalence": no_difference, "visits": repeated}
