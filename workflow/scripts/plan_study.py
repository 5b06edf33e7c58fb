"""Donors and cells that a study needs to find an effect, from the donors of a finished run.

    python workflow/scripts/plan_study.py --cohort results/NAME --fold 2

Reads imbalance.tsv and tests.tsv of the cohort's folder. The effect is a difference between the
arms in the unit of the estimator (--effect) or, of ratios, a fold (--fold). Planned are two arms
of different donors; covariates are not taken out of the spread. docs/numbers.md says how.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tilt.core import contracts, tables
from tilt.core.terms import ESTIMATORS, RATIOS
from tilt.figures import style
from tilt.figures.names import CONTROL_COLOR
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


def spread_of(folder: Path, estimator: str | None) -> planning.Spread:
    """Spread of the cohort's donors, in ``estimator`` or the one that leads."""
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
    return planning.spread(imbalance, estimator or str(leads[0]), (case, control))


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
    lines = [
        f"{found.estimator} ({unit}), {found.arms[0]} vs {found.arms[1]}: {found.n[0]} and "
        f"{found.n[1]} donors, {found.cells:.0f} memory CD4 cells in the median donor",
        f"SD between donors {beyond}: {sd:.2f} (95% interval {low:.2f} to {high:.2f})",
        f"planned: effect {own['effect']:.3g} {unit}, two-sided alpha {own['alpha']:g}, power "
        f"{own['aim']:g}; in brackets at the limits of the SD",
    ]
    if not known:
        lines.append(
            "what more cells would change is not estimable: no variance of sampling is "
            f"known of {found.estimator}"
        )
    lines.append(f"{'cells per donor':>17}  {'SD of sampling':>14}  donors per arm")
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


def draw(found: planning.Spread, table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Donors per arm against cells per donor; the band is the interval of the SD."""
    rows = table[(table["study"] == "planned") & np.isfinite(table["donors_per_arm"])]
    effect, aim, alpha = (table[c].iloc[0] for c in ("effect", "aim", "alpha"))
    ratio = found.estimator in RATIOS
    size = f"a {np.exp(effect):.3g}-fold ratio in" if ratio else f"{effect:.3g} SD in"
    title = f"Donors needed for {size} {found.estimator}, power {aim:g}, alpha {alpha:g}"
    if not np.isfinite(found.unit):
        return style.sentence(
            None, title, f"Not estimable: no variance of sampling is known of {found.estimator}."
        )
    if rows.empty:
        most = f"More than {planning.MOST_DONORS} donors an arm are needed."
        return style.sentence(None, title, most)
    top = min(rows["donors_per_arm_high"].max(), 4 * rows["donors_per_arm"].max())
    cut = rows["donors_per_arm_high"].max() > top
    fig = style.figure(None, title, "single", 65)
    ax = fig.add_subplot()
    high = rows["donors_per_arm_high"].clip(upper=planning.MOST_DONORS)
    band = "at the limits of the SD (95%)" + (", goes on above" if cut else "")
    ax.fill_between(
        rows["cells"],
        rows["donors_per_arm_low"],
        high,
        color=CONTROL_COLOR,
        alpha=0.18,
        lw=0,
        label=band,
    )
    ax.plot(
        rows["cells"],
        rows["donors_per_arm"],
        "-o",
        ms=3.5,
        color=CONTROL_COLOR,
        label="at the SD between donors that was found",
    )
    for cells, donors in zip(rows["cells"], rows["donors_per_arm"], strict=True):
        ax.annotate(
            f"{donors:.0f}",
            (cells, donors),
            (0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(style.fixed_ticks(list(planning.CELLS)))
    ax.xaxis.set_minor_formatter(style.no_text())
    style.plain_ticks(ax.xaxis)
    ax.set_ylim(0, top if cut else 1.4 * top)
    ax.yaxis.set_major_locator(style.few_ticks(5))
    ax.set_xlabel("memory CD4 cells per donor")
    ax.set_ylabel("donors per arm")
    (case, control), (n_case, n_control) = found.arms, found.n
    ax.legend(
        title=f"spread of {n_case} {case} and {n_control} {control} donors",
        title_fontsize=6.5,
        loc="upper right",
    )
    return fig, rows


def main(options: argparse.Namespace) -> list[str]:
    """Plan, write what is asked for; returns the lines to print."""
    planning.check(options.alpha, options.power)
    found = spread_of(options.cohort, options.estimator)
    effect = planning.effect_of(found.estimator, options.effect, options.fold)
    table = planning.plan(found, effect, options.alpha, options.power)
    if options.out:
        tables.write(table, options.out, contracts.FREE)
    if options.figure:
        style.save(*draw(found, table), options.figure)
    return readable(found, table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohort", type=Path, required=True, help="folder of a finished cohort")
    parser.add_argument("--effect", type=float, help="difference in the unit of the estimator")
    parser.add_argument("--fold", type=float, help="the difference of a ratio, as a fold")
    parser.add_argument("--estimator", choices=list(ESTIMATORS), help="default: the leading one")
    parser.add_argument("--alpha", type=float, default=0.05, help="two-sided; default 0.05")
    parser.add_argument("--power", type=float, default=0.8, help="default 0.8")
    parser.add_argument("--out", type=Path, help="write the plan as TSV")
    parser.add_argument("--figure", type=Path, help="write PREFIX.pdf, .svg, .png and .tsv")
    try:
        print("\n".join(main(parser.parse_args())))
    except planning.NoPlan as error:
        sys.exit(f"plan_study: {error}")
