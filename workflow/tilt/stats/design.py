"""Who is compared with whom, and what is adjusted for: contrasts, covariates, strata.

A :class:`Design` is made from the donors table and the contrast of the cohort file before any
outcome is read. Whatever cannot be used is left out *by name*: see ``Design.notes``.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from tilt.core import numerals
from tilt.core.terms import UNIT_KEY
from tilt.core.text import count
from tilt.stats import inference, resampling

log = logging.getLogger(__name__)

MAX_MISSING = 0.2  # a covariate unknown in a larger share of donors is left out


@dataclass(frozen=True)
class Contrast:
    """Case against control, with the covariates and strata the cohort file declares."""

    case: str
    control: str
    covariates: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    pair: str = ""  # column that pairs a case with its control ("donor" in paired designs)
    min_donors: int = 3

    @property
    def name(self) -> str:
        """The contrast in words: ``SLE vs healthy``."""
        return f"{self.case} vs {self.control}"


@dataclass(frozen=True)
class Design:
    """Donors in the rows; ``matrix`` has the condition (1 case, 0 control) in its last column.

    ``units`` (donor, condition) are the rows; ``strata`` codes the permutation blocks; ``used``
    names the covariates in the matrix; ``notes`` says what was left out and why. ``problem``
    is not empty when no comparison is possible. A donor is informative when the other arm is
    there too at its level of every stratum used.
    """

    contrast: Contrast
    units: pd.DataFrame
    matrix: np.ndarray
    strata: np.ndarray
    used: tuple[str, ...]
    notes: tuple[str, ...]
    problem: str = ""
    cache: dict = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def case(self) -> np.ndarray:
        """Condition of each donor: 1 case, 0 control."""
        return (self.units["condition"] == self.contrast.case).to_numpy().astype(int)

    @property
    def n_case(self) -> int:
        """Number of cases."""
        return int(self.case.sum())

    @property
    def n_control(self) -> int:
        """Number of controls."""
        return len(self.units) - self.n_case

    @cached_property
    def informative(self) -> np.ndarray:
        """Donors (bool) that tell of the difference; the others only of covariates."""
        told = np.ones(len(self.units), bool)
        for name in self.contrast.strata:
            if name in self.used:
                level = self.units[name].astype(str).to_numpy()
                told &= pd.Series(self.case).groupby(level).transform("nunique").to_numpy() == 2
        return told

    @property
    def donors(self) -> dict[str, int]:
        """Donors of each arm, and those of them that are informative."""
        cases, told = self.case == 1, self.informative
        return {
            "n_case": int(cases.sum()),
            "n_control": int((~cases).sum()),
            "n_case_informative": int((cases & told).sum()),
            "n_control_informative": int((~cases & told).sum()),
        }

    @property
    def label(self) -> str:
        """Covariates in the matrix, in words."""
        return ", ".join(self.used) if self.used else "none"

    @property
    def blocks(self) -> str:
        """Strata within which labels are permuted, "" without any."""
        return ", ".join(s for s in self.contrast.strata if s in self.used)

    @cached_property
    def fit(self) -> inference.Projection:
        """Least squares of the matrix, made once."""
        return inference.project(self.matrix)

    def orders(self, n: int, seed: int) -> tuple[np.ndarray, bool]:
        """Permutations of donors within strata, made once per design."""
        if (n, seed) not in self.cache:
            only_strata = set(self.used) <= set(self.contrast.strata)
            rng = np.random.default_rng(seed)
            made = resampling.permutations(self.case, self.strata, n, rng, exact=only_strata)
            self.cache[n, seed] = made
        return self.cache[n, seed]


def check_donors(donors: pd.DataFrame, contrast: Contrast) -> None:
    """Stop with every problem of a donors table at once.

    Raises
    ------
    ValueError
        Missing columns, an unknown condition, a donor listed twice, a donor in both arms of a
        contrast that is not paired, or text in a covariate of numbers.
    """
    problems = []
    needed = ["donor", "condition", *contrast.covariates, *contrast.strata]
    absent = [c for c in needed if c not in donors]
    if absent:
        raise ValueError(f"donors table: no column {absent}; it has {list(donors.columns)}")
    known = {contrast.case, contrast.control}
    odd = donors.loc[~donors["condition"].isin(known), UNIT_KEY]
    problems += [
        f"donor {d}: condition {c!r} is neither {contrast.case!r} nor {contrast.control!r}"
        for d, c in odd.itertuples(index=False)
    ]
    twice = donors.loc[donors.duplicated(UNIT_KEY), "donor"].unique()
    problems += [f"donor {d} is listed twice in the same condition" for d in twice]
    if contrast.pair != "donor":
        arms = donors.groupby("donor")["condition"].nunique()
        problems += [
            f"donor {d} is in both arms; say `paired: true` in the contrast if that is the design"
            for d in arms.index[arms > 1]
        ]
    for name in contrast.covariates:
        if name not in contrast.strata:
            problems += [
                f"donor {donors['donor'].iloc[i]}: {name} {donors[name].iloc[i]!r} is not a number"
                for i in numerals.strays(donors[name].astype(object).where(donors[name].notna()))
            ]
    if problems:
        raise ValueError("donors table:\n  " + "\n  ".join(problems))


def _numeric(values: pd.Series) -> pd.Series | None:
    """``values`` as numbers, or None when they are categories."""
    return values.map(numerals.number).astype(float) if numerals.is_numeric(values) else None


def _known(values: pd.Series) -> pd.Series:
    return values.map(lambda v: not pd.isna(v) and numerals.is_known(v)).astype(bool)


def _columns(values: pd.Series, as_category: bool) -> np.ndarray:
    """Columns of one covariate: centered numbers, or dummies of its levels but the first."""
    numbers = None if as_category else _numeric(values)
    if numbers is not None:
        spread = numbers.std(ddof=0)
        return ((numbers - numbers.mean()) / (spread if spread > 0 else 1)).to_numpy()[:, None]
    return pd.get_dummies(values.astype(str), drop_first=True).to_numpy(float)


def _kept_share(condition: np.ndarray, nuisance: np.ndarray) -> float:
    """Share of the condition's variance that the nuisance columns leave."""
    centered = condition - condition.mean()
    rest = condition - nuisance @ (np.linalg.pinv(nuisance) @ condition)
    return float(rest @ rest / (centered @ centered))


def _arms_problem(units: pd.DataFrame, contrast: Contrast) -> str:
    counts = units["condition"].value_counts()
    short = [
        count(int(counts.get(arm, 0)), f"{arm} donor")
        for arm in (contrast.case, contrast.control)
        if counts.get(arm, 0) < contrast.min_donors
    ]
    if short:
        return f"{' and '.join(short)}; at least {contrast.min_donors} in each arm are needed"
    return ""


def _one_armed(units: pd.DataFrame, condition: np.ndarray, blocks: list[str]) -> list[str]:
    """Strata that hold one arm only: their donors are counted but tell of no difference."""
    notes = []
    for name in blocks:
        arms = pd.Series(condition).groupby(units[name].astype(str).to_numpy())
        alone = arms.size()[arms.nunique() == 1]
        if len(alone):
            told = count(int(alone.sum()), "donor")
            notes.append(
                f"{told} not informative, being in a {name} of one arm ({len(alone)} of "
                f"{arms.ngroups}): {', '.join(alone.index[:8])}{' ...' if len(alone) > 8 else ''}"
            )
    return notes


def complete(
    units: pd.DataFrame, wanted: list[str], too_few: Callable[[pd.DataFrame], bool]
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Units with every covariate, the covariates that stay, and notes of what was left out.

    A covariate unknown in more than ``MAX_MISSING`` of the donors leaves; then donors who lack one
    leave, unless ``too_few`` would be left: then the covariates do.
    """
    notes, wanted = [], list(wanted)
    for name in list(wanted):
        known = _known(units[name])
        if known.mean() < 1 - MAX_MISSING:
            notes.append(
                f"{name} left out: unknown in {int((~known).sum())} of {len(units)} donors"
            )
            wanted.remove(name)
    whole = pd.Series(True, index=units.index)
    for name in wanted:
        whole &= _known(units[name])
    if whole.all():
        return units, wanted, notes
    if too_few(units[whole]):
        notes.append(f"{', '.join(wanted)} left out: too few donors have them all")
        return units, [], notes
    gone = units.loc[~whole, "donor"].tolist()
    shown = ", ".join(gone[:8]) + (" ..." if len(gone) > 8 else "")
    notes.append(f"{count(len(gone), 'donor')} without {'/'.join(wanted)} left out: {shown}")
    return units[whole].reset_index(drop=True), wanted, notes


def adjustment(
    units: pd.DataFrame,
    wanted: list[str],
    strata: tuple[str, ...],
    told: np.ndarray,
    name_of_told: str = "condition",
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, list[str], list[str]]:
    """Columns (n x k, full rank) to adjust for, the covariates in them, and notes.

    ``told`` (n,) is what must still be told apart from them: the condition, or an exposure;
    ``start`` (n x j) the columns that are there in any case, one of ones if left out.
    """
    nuisance = np.ones((len(units), 1)) if start is None else start
    first, used, notes = nuisance, list[str](), list[str]()
    for name in wanted:
        block = _columns(units[name], as_category=name in strata)
        if block.shape[1] == 0 or np.allclose(block.std(axis=0), 0):
            notes.append(f"{name} left out: the same in all donors")
            continue
        joint = np.column_stack([nuisance, block])
        if _kept_share(told, joint) < 1e-8:
            alone = _kept_share(told, np.column_stack([first, block])) < 1e-8
            how = "" if alone else f" (together with {', '.join(used)})"
            notes.append(f"{name} left out: confounded with {name_of_told}{how}")
            continue
        if np.linalg.matrix_rank(joint) + 1 > len(units) - 2:
            notes.append(f"{name} left out: too few donors for that many covariates")
            continue
        if np.linalg.matrix_rank(joint) == np.linalg.matrix_rank(nuisance):
            notes.append(f"{name} left out: adds nothing to {', '.join(used) or 'the arms'}")
            continue
        if _kept_share(told, joint) < 0.1:
            notes.append(f"{name_of_told} is nearly confounded with {name}")
        while np.linalg.matrix_rank(joint) < joint.shape[1]:  # nested levels: drop what repeats
            for i in range(joint.shape[1] - 1, nuisance.shape[1] - 1, -1):
                trimmed = np.delete(joint, i, axis=1)
                if np.linalg.matrix_rank(trimmed) == np.linalg.matrix_rank(joint):
                    joint = trimmed
                    break
        nuisance = joint
        used.append(name)
    return nuisance, used, notes


def build(donors: pd.DataFrame, contrast: Contrast) -> Design:
    """Design of a two-arm comparison of the donors given (one row a donor x condition).

    Strata enter as categories and block the permutations. A covariate that is unknown in too
    many donors, takes one value only, or cannot be told from the condition is left out and
    named in ``notes``; donors without a value of a covariate that is kept are left out and
    named too. Nothing is raised for a cohort with one arm: ``problem`` says so.
    """
    check_donors(donors, contrast)
    units = donors.drop_duplicates(UNIT_KEY).reset_index(drop=True)
    empty = np.ones((len(units), 1))
    problem = _arms_problem(units, contrast)
    if problem:
        return Design(contrast, units, empty, np.zeros(len(units), int), (), (), problem)

    wanted = list(dict.fromkeys([*contrast.strata, *contrast.covariates]))
    units, wanted, notes = complete(units, wanted, lambda rows: bool(_arms_problem(rows, contrast)))
    condition = (units["condition"] == contrast.case).to_numpy(float)
    nuisance, used, more = adjustment(units, wanted, contrast.strata, condition)
    notes += more
    blocks = [name for name in contrast.strata if name in used]
    notes += _one_armed(units, condition, blocks)
    strata = np.zeros(len(units), int)
    if blocks:
        strata = units.groupby(blocks, sort=True).ngroup().to_numpy()
    matrix = np.column_stack([nuisance, condition])
    for note in notes:
        log.info("%s: %s", contrast.name, note)
    return Design(contrast, units, matrix, strata, tuple(used), tuple(notes))


def pair_column(donors: pd.DataFrame, contrast: Contrast) -> str:
    """A stratum that pairs one case with one control at every level, or ""."""
    for name in contrast.strata:
        known = donors[_known(donors[name])]
        sizes = known.groupby([name, "condition"]).size().unstack(fill_value=0)
        if sizes.shape[1] == 2 and sizes.to_numpy().max() == 1:
            both = (sizes > 0).all(axis=1).sum()
            if both >= contrast.min_donors and 2 * both > len(sizes):
                return name
    return ""


def pairs(units: pd.DataFrame, contrast: Contrast) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Positions of both members of every pair, the problem if there are too few, and notes.

    ``units`` needs the columns condition and ``contrast.pair``. Returns a table with the columns
    pair, case, control (row positions in ``units``), sorted by pair.
    """
    at = units.assign(position=np.arange(len(units)), pair=units[contrast.pair].astype(str))
    wide = at.pivot(index="pair", columns="condition", values="position")
    wide = wide.reindex(columns=[contrast.case, contrast.control])
    single = wide.index[wide.isna().any(axis=1)].tolist()
    whole = wide.dropna().astype(int).sort_index().reset_index()
    whole.columns = ["pair", "case", "control"]
    notes: tuple[str, ...] = ()
    if single:
        notes = (f"{len(single)} without a partner left out: {', '.join(single[:8])}",)
    few = f"{count(len(whole), 'pair')}; {contrast.min_donors} are needed"
    return whole, few if len(whole) < contrast.min_donors else "", notes
