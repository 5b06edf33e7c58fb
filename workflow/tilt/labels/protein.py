"""What antibody tags say of the label of a T cell, as log evidence beside that of its genes.

Which proteins a label has stands in ``resources/antibodies.tsv``. A protein counts for as much as
signal and background lie apart in the batch of the cell; where they are not apart, or the cell has
no such tag, it says nothing.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tilt.core.contracts import PROTEIN_EVIDENCE
from tilt.core.terms import UNASSIGNED
from tilt.genes import antibodies, taxonomy

# Share of the cells of a label that show what it is said to have (or lack), with a perfect
# antibody: tags stick, cells change, and the table is a rule of thumb.
KEPT = 0.9


def signs(markers: pd.DataFrame, names: Sequence[str], proteins: Sequence[str]) -> pd.DataFrame:
    """+1 of labels that have a protein, -1 of those that lack it, 0 (labels x known proteins).

    The table names labels, branches, or compartments of the marker table.
    """
    table = antibodies.shipped().set_index("protein")
    row = markers.set_index("label")
    out = pd.DataFrame(0, index=list(names), columns=[p for p in proteins if p in table.index])
    for protein in out:
        words = {
            -1: set(table.at[protein, "negative"].split()),
            1: set(table.at[protein, "positive"].split()),
        }
        for name in names:
            own = (name, row.at[name, "compartment"], taxonomy.branch(markers, name))
            for word in own:  # the narrowest leads
                found = [sign for sign, listed in words.items() if word and word in listed]
                if found:
                    out.loc[name, protein] = found[0]
                    break
    return out.loc[:, (out != 0).any()]


def reliability(fits: pd.DataFrame) -> pd.DataFrame:
    """How sure a protein is told in each batch, 0 to 1 (batches x proteins).

    Youden's index of the best cut between two normal components so far apart; 0 where they overlap.
    """
    from tilt.core import distributions

    sure = 2 * distributions.normal_above(-fits["separation"] / 2) - 1
    sure = np.where(fits["apart"], sure, 0.0)
    return fits.assign(sure=sure).pivot(index="batch", columns="protein", values="sure")


def evidence(
    log_odds: pd.DataFrame, sure: np.ndarray | pd.DataFrame, signs: pd.DataFrame
) -> pd.DataFrame:
    """Log evidence for each label (cells x labels), against a label of which nothing is known.

    ``log_odds`` of having each protein (cells x proteins), ``sure`` its reliability in the batch of
    the cell (the same shape), ``signs`` of :func:`signs`. A label that has the protein shows it in
    ``KEPT`` of its cells, one that lacks it in the rest, others in half; an unsure protein moves
    all toward half.
    """
    out = np.zeros((len(log_odds), len(signs)))
    for protein in signs:
        ratio = np.exp(np.nan_to_num(log_odds[protein].to_numpy(float)))
        weight = np.nan_to_num(np.asarray(pd.DataFrame(sure)[protein], float))
        for k, sign in enumerate(signs[protein]):
            if sign:
                shown = 0.5 + sign * (KEPT - 0.5) * weight
                out[:, k] += np.log(2 * (shown * ratio + 1 - shown) / (ratio + 1))
    return pd.DataFrame(out, index=log_odds.index, columns=signs.index)


def of_cells(
    log_odds: pd.DataFrame, fits: pd.DataFrame, batch: np.ndarray, markers: pd.DataFrame
) -> pd.DataFrame:
    """Evidence for every label below the branches of T cells (cells x labels)."""
    names = markers.loc[markers["level"].isin([1, 2]), "label"].tolist()
    meant = signs(markers, names, list(log_odds))
    sure = reliability(fits).reindex(np.asarray(batch).astype(str)).fillna(0.0)
    return evidence(log_odds, sure.set_axis(log_odds.index), meant)


def shown(
    aligned: pd.DataFrame, log_odds: pd.DataFrame, labels: pd.DataFrame, markers: pd.DataFrame
) -> pd.DataFrame:
    """What the cells of each label show of each protein, beside what the table of antibodies says.

    ``aligned``, ``log_odds``: cells x proteins; ``labels``: subset of each cell, in their order.
    Returns the table of :data:`tilt.core.contracts.PROTEIN_EVIDENCE`: median and quartiles of the
    log level above background, and the share of cells likelier to have the protein than not
    (missing where signal and background are not apart).
    """
    subset = labels["subset"].to_numpy()
    names = [n for n in markers["label"] if n in set(subset) and n != UNASSIGNED]
    meant = signs(markers, names, list(aligned))
    rows = []
    for protein in aligned:
        for name in names:
            values = aligned[protein].to_numpy(float)[subset == name]
            odds = log_odds[protein].to_numpy(float)[subset == name]
            odds = odds[np.isfinite(values)]
            values = values[np.isfinite(values)]
            sign = int(meant.at[name, protein]) if protein in meant else 0
            quartiles = np.quantile(values, (0.5, 0.25, 0.75)) if len(values) else [np.nan] * 3
            told = odds[odds != 0]
            share = float((told > 0).mean()) if len(told) else np.nan
            rows.append(
                (protein, name, "-+"[sign > 0] if sign else "", len(values), *quartiles, share)
            )
    return pd.DataFrame(rows, columns=list(PROTEIN_EVIDENCE.columns))
