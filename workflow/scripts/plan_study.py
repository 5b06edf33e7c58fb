"""Donors and cells that a study needs to find an effect, from the donors of a finished run.

    python workflow/scripts/plan_study.py --cohort results/NAME --fold 2

Reads imbalance.tsv and tests.tsv of the cohort's folder. The effect is a difference between the
arms in the unit of the estimator (--effect) or, of ratios, a fold (--fold). Planned are two arms
of different donors, or, of a paired cohort, pairs. --visit plans a change from the first visit:
that of the cases beyond that of the controls, or with --among that of one arm. docs/numbers.md says
how.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tilt.core import contracts, tables
from tilt.core.terms import ESTIMATORS
from tilt.core.text import at_visit, count
from tilt.figures import planning as figure
from tilt.figures import style
from tilt.stats import planning

ENDS = ("", "_low", "_high")


def table_of(folder: Path, name: str) -> pd.DataFrame:
    """Table of a cohort's folder, checked against its contract."""
    path = folder / name
    if not path.is_file():
        raise planning.NoPlan(
            f"{path} does not exist. Fix: --cohort is the folder of one cohort of a finished run, "
            "for instance results/NAME"
        )
    try:
        return tables.read(path)
    except ValueError as error:
        raise planning.NoPlan(
            f"{path}: {error}. Fix: run the cohort again with this version"
        ) from error


def spread_of(
    folder: Path,
    estimator: str | None,
    covariates: tuple[str, ...] = (),
    visit: str = "",
    among: str = "",
) -> planning.Spread:
    """Spread of the cohort's donors, in ``estimator`` or the one that leads.

    Of their changes, where they are pairs or a ``visit`` is named (among one arm, or in both).
    """
    imbalance, tests = table_of(folder, "imbalance.tsv"), table_of(folder, "tests.tsv")
    leads = imbalance.loc[imbalance["leads"], "estimator"].unique()
    if estimator is None and not len(leads):
        raise planning.NoPlan(
            f"{folder}: not estimable, no estimator leads. Fix: plan from another cohort"
        )
    arms = tests.loc[tests["quantity"].isin(list(ESTIMATORS)), "contrast"].unique()
    if len(arms) != 1 or arms[0].count(" vs ") != 1:
        raise planning.NoPlan(
            f"{folder / 'tests.tsv'}: {len(arms)} contrasts of the imbalance "
            f"({', '.join(arms)}), one 'case vs control' is needed. Fix: plan from another cohort"
        )
    case, control = arms[0].split(" vs ")
    name = estimator or str(leads[0])
    donors_of = imbalance.groupby("condition")["donor"].agg(set)
    paired = bool(donors_of.get(case, set()) & donors_of.get(control, set()))
    if (paired or visit) and covariates:
        raise planning.NoPlan(
            "--covariates of the cohort with donors measured twice: each is its own control. "
            "Fix: leave them out, or give their number"
        )
    if paired and not visit:
        step = {f"{case} vs {control}": (control, case)}
        return planning.spread_of_changes(imbalance, name, step, f"{control} to {case}")
    if visit or among:
        known = sorted(donors_of.index)
        steps = {a: (a, at_visit(a, visit)) for a in ([among] if among else [case, control])}
        lost = [later for _, later in steps.values() if later not in donors_of.index]
        if lost:
            raise planning.NoPlan(
                f"--visit {visit or '(none)'}: nobody in {lost[0]}; the cohort has "
                f"{', '.join(known)}. Fix: take one of its visits, and with --among an arm of "
                "which donors came again"
            )
        return planning.spread_of_changes(imbalance, name, steps, f"first visit to {visit}")
    donors = table_of(folder, "donors.tsv") if covariates else None
    return planning.spread(imbalance, name, (case, control), donors, covariates)


def number(value: float) -> str:
    """Donors in words of the table."""
    return f"{value:.0f}" if np.isfinite(value) else f">{planning.MOST_DONORS}"


def readable(found: planning.Spread, table: pd.DataFrame) -> list[str]:
    """The plan in lines to print."""
    own = table.iloc[-1]
    unit = ESTIMATORS[found.estimator].unit
    known = np.isfinite(found.unit)
    beyond = "beyond sampling of cells" if known else "(sampling of cells included)"
    sd, low, high = found.sd
    beyond += f", {', '.join(found.covariates)} taken out" if found.covariates else ""
    arms, n = " vs ".join(found.arms), " and ".join(map(str, found.n))
    whose = f"change from {found.change}, {arms}" if found.change else arms
    donors = f"{n} donors measured twice" if found.change else f"{n} donors"
    each = "a sample of the median donor" if found.change else "the median donor"
    of = "the changes of donors" if found.change else "donors"
    lines = [
        f"{found.estimator} ({unit}), {whose}: {donors}, {found.cells:.0f} memory CD4 cells in "
        f"{each}",
        f"SD between {of} {beyond}: {sd:.2f} (95% interval {low:.2f} to {high:.2f})",
        f"planned: effect {own['effect']:.3g} {unit}, two-sided alpha {own['alpha']:g}, power "
        f"{own['aim']:g}, {count(int(own['covariates']), 'column')} of covariates; in brackets at "
        "the limits of the SD",
        *(f"note: {note}" for note in found.notes),
    ]
    if not known:
        lines.append(
            "what more cells would change is not estimable: no variance of sampling is "
            f"known of {found.estimator}"
        )
    head = "cells per sample" if found.change else "cells per donor"
    per = "donors per arm" if len(found.arms) > 1 else "donors"
    lines.append(f"{head:>17}  {'SD of sampling':>14}  {per}")
    for _, row in table.iterrows():
        cells = f"{row['cells']:.0f}" if row["study"] == "planned" else "own cohort"
        needed = [number(row[f"donors_per_arm{end}"]) for end in ENDS]
        sampling = f"{row['sd_sampling']:.2f}" if known else "NA"
        lines.append(f"{cells:>17}  {sampling:>14}  {needed[0]} ({needed[1]} to {needed[2]})")
    chance = [own[f"power{end}"] for end in ENDS]
    least = [own[f"smallest_effect{end}"] for end in ENDS]
    return [
        *lines,
        f"power with the cohort's own donors and cells: {chance[0]:.2f} "
        f"({chance[2]:.2f} to {chance[1]:.2f})",
        f"smallest effect that they find: {least[0]:.2f} {unit} ({least[1]:.2f} to {least[2]:.2f})",
    ]


def main(options: argparse.Namespace) -> list[str]:
    """Plan, write what is asked for; returns the lines to print."""
    planning.check(options.alpha, options.power)
    columns, covariates = planning.planned_covariates(options.covariates)
    cells = planning.planned_cells(options.cells)
    found = spread_of(options.cohort, options.estimator, covariates, options.visit, options.among)
    effect = planning.effect_of(found.estimator, options.effect, options.fold)
    table = planning.plan(found, effect, options.alpha, options.power, cells, columns)
    if options.out:
        tables.write(table, options.out, contracts.FREE)
    if options.figure:
        style.save(*figure.draw(found, table), options.figure)
    return readable(found, table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohort", type=Path, required=True, help="folder of a finished cohort")
    parser.add_argument("--effect", type=float, help="difference in the unit of the estimator")
    parser.add_argument("--fold", type=float, help="the difference of a ratio, as a fold")
    parser.add_argument("--visit", default="", help="plan the change from the first visit to this")
    parser.add_argument("--among", default="", help="with --visit: the change of this arm alone")
    parser.add_argument("--estimator", choices=list(ESTIMATORS), help="default: the leading one")
    parser.add_argument("--alpha", type=float, default=0.05, help="two-sided; default 0.05")
    parser.add_argument("--power", type=float, default=0.8, help="default 0.8")
    parser.add_argument(
        "--covariates", default="0",
        help="how many columns, or names of the cohort's own that are taken out: age,sex",
    )  # fmt: skip
    usual = ",".join(map(str, planning.CELLS))
    parser.add_argument("--cells", default=usual, help=f"memory CD4 cells a donor; default {usual}")
    parser.add_argument("--out", type=Path, help="write the plan as TSV")
    parser.add_argument("--figure", type=Path, help="write PREFIX.pdf, .svg, .png and .tsv")
    try:
        print("\n".join(main(parser.parse_args())))
    except planning.NoPlan as error:
        sys.exit(f"plan_study: {error}")
