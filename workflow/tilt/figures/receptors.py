"""T-cell receptors: expansion of clones by subset and condition, sharing, and what was read."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tilt.core.terms import CLONE_EXPANDED, GROUPS, SHARED_CLONES, UNIT_KEY
from tilt.core.text import count
from tilt.figures import composition, forest, strips, style
from tilt.figures.names import DARK, GRAY, CohortLabel, pretty, subset_order
from tilt.figures.registry import title
from tilt.stats.readable import SCALES

TITLE = title("receptors")
TOLD = 1.6  # width of the panel in words, in those of the others
FEWEST = 3  # donors of each arm in a subset that is drawn
READ = {  # column of receptor_samples.tsv: what its share of the T cells is called
    "n_t_alpha": "α",
    "n_t_beta": "β",
    "n_t_both": "both",
    "n_t_many": "more",
}
EFFECTS = ["quantity", "denominator", "effect", "ci_low", "ci_high", "p", "unit", *SCALES]
EFFECTS += ["n_case", "n_control", "method", "covariates", "estimable", "reason"]


def draw(
    clones: pd.DataFrame, tests: pd.DataFrame, samples: pd.DataFrame, cohort: CohortLabel
) -> tuple[Figure, pd.DataFrame]:
    """Expanded cells by subset with the effect of condition, shared clones, chains by sample.

    Parameters: clones.tsv, tests.tsv and receptor_samples.tsv of the cohort.
    """
    clones = cohort.own(clones)
    rows = clones[clones["measure"] == CLONE_EXPANDED]
    shown = rows[rows["estimable"]].copy()
    shown["percent"] = shown["value"]
    if shown.empty:
        reasons = [r for r in rows["reason"] if isinstance(r, str) and r]
        why = reasons[0] if reasons else "no cell has a receptor"
        return style.sentence(cohort, TITLE, f"No clones can be measured: {why}.")
    n = shown.groupby(["subset", "condition"])["donor"].nunique().unstack(fill_value=0)
    enough = n.reindex(columns=list(cohort.arms), fill_value=0).min(axis=1) >= FEWEST
    have = set(n.index[enough] if enough.any() else n.index)
    few = count(len(n) - len(have), "subset") if len(have) < len(n) else ""
    few = f"\nnot drawn: {few} of fewer than {FEWEST} donors an arm" if few else ""
    shown = shown[shown["subset"].isin(have)]
    order = [*(g for g in GROUPS[::-1] if g in have), *subset_order(have - set(GROUPS))]
    at = pd.Series(range(len(order)), order)
    above = 4.6 * len(order) + 20
    pairs, told = _pairs(clones)
    below = 58 if pairs else 44
    fig = style.figure(cohort, TITLE, "double", above + below + 14)
    top, bottom = style.stacked(fig, above, below)
    found = forest.main(tests[tests["quantity"] == CLONE_EXPANDED])
    found = found[found["denominator"].isin(order)]
    found = found.assign(y=found["denominator"].map(at))
    left, middle, side = top.subplots(1, 3, width_ratios=(1.4, 1, 0.9), sharey=True)
    donors = clones.drop_duplicates(UNIT_KEY)["condition"].value_counts().to_dict()
    composition.points(left, shown, at, cohort, sum(donors.values()))
    depth = shown.groupby("subset")["depth"].first()
    left.set_yticks(at, [f"{pretty(name)} ({depth[name]:,})" for name in order])
    left.tick_params(axis="y", length=0)
    for y in at[::2]:
        left.axhspan(y - 0.5, y + 0.5, color="#F6F6F6", lw=0, zorder=-1)
    style.scale(left, "sqrt")
    left.set_xlabel(f"cells of clones drawn twice or more (%){few}")
    left.set_ylim(len(order) - 0.4, -0.6)
    style.mark(left, "a", "each dot a donor (cells drawn)")
    forest.draw(middle, side, found)
    middle.set_xlabel("effect (percentage points)")
    middle.tick_params(labelleft=False)
    style.mark(middle, "b", f"{cohort.case} − {cohort.control}, 95% CI")
    shared = _shared(bottom, pairs, told, tests, cohort, samples)
    fig.legend(handles=style.arm_handles(cohort, donors), loc="outside lower left", ncols=2)
    parts = [rows.assign(panel="a"), found[EFFECTS].assign(panel="b"), shared]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return fig, table[["panel", *[c for c in table if c != "panel"]]]


def _pairs(clones: pd.DataFrame) -> tuple[dict[tuple[str, str], pd.DataFrame], list[str]]:
    """Rows of shared clones by subset and measure, and a sentence for every pair without any."""
    rows = clones[clones["measure"].str.startswith(SHARED_CLONES)]
    found, told = {}, []
    for (subset, measure), mine in rows.groupby(["subset", "measure"], sort=False):
        names = subset, measure.removeprefix(SHARED_CLONES)
        one, other = map(pretty, names)
        if not mine["estimable"].any():
            why = mine["reason"].mode().iloc[0]
            for label in names:
                why = why.replace(label, pretty(label))
            told.append(f"{one} in {other}. Not estimable: {why}.")
        elif not mine["value"].max() > 0:
            n = count(int(mine["estimable"].sum()), "donor")
            told.append(f"{one} and {other} share no clone in {n}.")
        else:
            found[subset, measure] = mine
    return found, told


def _shared(
    fig: Figure,
    pairs: dict[tuple[str, str], pd.DataFrame],
    told: list[str],
    tests: pd.DataFrame,
    cohort: CohortLabel,
    samples: pd.DataFrame,
) -> pd.DataFrame:
    """A panel a pair of subsets, one in words for pairs without clones, chains; their table."""
    widths = [*[1.0] * len(pairs), *([TOLD] if told else []), 1.0]
    axes = iter(fig.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0])
    letters = iter("cdefgh")
    for (subset, measure), mine in pairs.items():
        ax, other = next(axes), measure.removeprefix(SHARED_CLONES)
        style.mark(ax, next(letters), f"in {pretty(other)}")
        strips.two_arms(ax, mine, cohort)
        depth = mine["depth"].iloc[0]
        words = f"{pretty(subset)} cells whose clone\nis among {depth} {pretty(other)} (%)"
        ax.set_ylabel(words)
        _above(ax, strips.test_text(_tests(tests, measure, subset)))
    if told:
        ax = next(axes)
        style.mark(ax, next(letters), "clones shared by two subsets")
        ax.set_axis_off()
        words = "\n\n".join(textwrap.fill(sentence, 52 if pairs else 84) for sentence in told)
        ax.text(0, 0.95, words, va="top", color=GRAY, fontsize=6.5, transform=ax.transAxes)
    last = next(axes)
    style.mark(last, next(letters), f"chains, {count(len(samples), 'sample')}")
    _chains(last, samples)
    read = samples[["sample", "donor", "condition", "n_t", *READ]]
    rows = [part.assign(panel="shared") for part in pairs.values()]
    return pd.concat([*rows, read.assign(panel="chains")], ignore_index=True)


def _tests(tests: pd.DataFrame, quantity: str, denominator: str) -> pd.DataFrame:
    inside = (tests["quantity"] == quantity) & (tests["denominator"] == denominator)
    return forest.main(tests[inside])


def _above(ax: Axes, text: str) -> None:
    """Write a result into a panel, with room for it."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.3 * (high - low))
    ax.text(0.5, 1, text, transform=ax.transAxes, fontsize=6, va="top", ha="center", color=DARK)


def _chains(ax: Axes, samples: pd.DataFrame) -> None:
    """Percent of the T cells of each sample that have an alpha, a beta chain, both, too many."""
    with_any = samples[samples["n_t"] > 0]
    for place, column in enumerate(READ):
        percent = (100 * with_any[column] / with_any["n_t"]).to_numpy()
        x = place + style.swarm(percent, 0.25)
        ax.scatter(x, percent, s=6, color=DARK, lw=0, alpha=0.6)
    ax.set_xticks(range(len(READ)), READ.values())
    ax.set_xlim(-0.5, len(READ) - 0.5)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("T cells of a sample (%)")
