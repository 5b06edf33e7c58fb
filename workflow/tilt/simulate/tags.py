"""Antibody tags of simulated cells: signal, background, spill between cells, shifts of batches.

The key ``protein`` of a parameter file turns them on (``resources/demo/demo_cite.yaml``). They are
drawn from streams of their own: the RNA of a cohort is the same with them and without.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tilt.simulate.counts import negative_binomial
from tilt.simulate.world import stream

KEYS: tuple[str, ...]
KEYS = ("background", "cell_sd", "signal_sd", "batch_sd", "donor_sd", "spill", "dispersion")
KEYS += ("missing", "others", "levels")


def check(settings: Mapping[str, Any]) -> None:
    """Raise ValueError for missing and unknown keys."""
    missing, unknown = sorted(set(KEYS) - set(settings)), sorted(set(settings) - set(KEYS))
    if missing or unknown:
        raise ValueError(f"protein: missing keys {missing}, unknown keys {unknown}")


def levels(settings: Mapping[str, Any], types: Mapping[str, Mapping]) -> pd.DataFrame:
    """Mean counts of signal in a cell of each type (types x antibodies).

    A type is named by its label, one of its programs (the highest counts), its branch or its
    lineage, the first that is there; else it has no signal.
    """
    out = pd.DataFrame(0.0, index=list(types), columns=list(settings["levels"]))
    for antibody, named in settings["levels"].items():
        for label, spec in types.items():
            programs = [named[word] for word in spec.get("share", []) if word in named]
            for word in (label, "", spec.get("parent"), spec["lineage"]):
                if word == "" and programs:
                    out.loc[label, antibody] = max(programs)
                    break
                if word in named:
                    out.loc[label, antibody] = named[word]
                    break
    return out


def draw(
    settings: Mapping[str, Any],
    signal: pd.DataFrame,
    kinds: np.ndarray,
    row: Mapping[str, str],
    seed: int,
) -> pd.DataFrame:
    """Counts of tags (cells x antibodies, then isotype controls and hashtags; int32).

    Parameters: ``signal`` of :func:`levels`; ``kinds`` type of each cell (a label); ``row`` of the
    sample sheet: sample, donor, batch. A cell catches the tags as well as its own factor says; its
    background is that of the antibody in the batch, and a share (spill) of the mean signal of all
    cells. Antibodies that the panel of the batch lacks are absent.
    """
    rng = stream(seed, "tags", str(row["sample"]))
    names = [*signal, *settings["others"]]
    own = np.zeros((len(kinds), len(names)))
    own[:, : signal.shape[1]] = signal.loc[kinds].to_numpy()
    batch = stream(seed, "tags of batch", str(row["batch"])).normal(size=(2, len(names)))
    donor = stream(seed, "tags of donor", str(row["donor"])).normal()
    shift = settings["batch_sd"] * batch
    background = settings["background"] * np.exp(shift[0]) + settings["spill"] * own.mean(axis=0)
    own *= np.exp(shift[1] / 2 + rng.normal(0, settings["signal_sd"], own.shape))
    caught = settings["donor_sd"] * donor + rng.normal(0, settings["cell_sd"], len(kinds))
    mean = (np.exp(caught)[:, None] * (background + own)).astype(np.float32)
    counts = negative_binomial(mean, settings["dispersion"], rng)
    absent = settings["missing"].get(str(row["batch"]), [])
    table = pd.DataFrame(counts, columns=names)
    return table.drop(columns=[name for name in absent if name in table])
