"""Small raw cohorts of designs beyond two arms, with what is planted, for tests of the workflow."""

import pandas as pd
import yaml
from running import ROOT, Workflow
from tilt.simulate import cohort as simulate

POLES = {"CD4_Tph_like": 1, "CD4_Tfh_circ": 1, "CD4_Th22_like": -1}


def shift(log_ratio: float) -> dict[str, float]:
    """Shift of the cell types of both poles that moves the log-ratio by ``log_ratio``."""
    return {label: sign * log_ratio / 2 for label, sign in POLES.items()}


def cohort(workflow: Workflow, sheet: pd.DataFrame, demo: str, changes: dict, **about) -> None:
    """Write cohort ``small`` of this sheet: the parameters of a demo cohort but ``changes``."""
    plain = yaml.safe_load((ROOT / f"resources/demo/{demo}.yaml").read_text())
    params = plain | changes
    for key in ("genes", "cells"):
        params[key] = str(ROOT / "resources/demo" / params[key])
    workflow.write("small.params.yaml", params)
    workflow.write("small.tsv", sheet.assign(path=sheet["sample"]).to_csv(sep="\t", index=False))
    workflow.write(
        "small.yaml",
        {
            "name": "small",
            "title": "A small cohort",
            "simulated": "small.params.yaml",
            "format": "10x_dir",
            "folder": "results/simulated/small",
            "samples": "small.tsv",
            "cells": "cd4",
            "contrast": {"case": "SLE", "control": "control"},
            "qc": {"doublets": {"method": "none"}},
        }
        | about,
    )
    stats = {"permutations": 1000, "bootstraps": 200, "random_sets": 100, "de_subsets": []}
    config = {"cohorts": ["small.yaml"], "embed": {"resolutions": [1.0]}, "stats": stats}
    workflow.write("config.yaml", config)


def sheet_of(n_control: int, n_case: int) -> pd.DataFrame:
    """Controls, then cases, in one batch, a sample a donor."""
    return simulate.sheet(n_control, n_case, batches=1, seed=1)


def with_visits(workflow: Workflow, n_cells: int = 1000) -> None:
    """Six cases and five controls; all but one case and one control come again.

    The log-ratio of cases falls by 1.6 from flare to after, that of controls does not.
    """
    first = sheet_of(5, 6).assign(visit="flare")
    later = first[~first["donor"].isin(["X-C05", "X-S06"])].assign(visit="after")
    later["sample"] += "b"
    sheet = pd.concat([first, later], ignore_index=True)
    sheet["treated"] = (sheet["visit"] + sheet["condition"]).map({"afterSLE": "yes"}).fillna("no")
    planted = {"treated": {"values": {"yes": shift(-1.6)}}}
    changes = {"n_cells": n_cells, "donor_sd": 0.25, "further": planted}
    visits = {"column": "visit", "order": ["flare", "after"]}
    cohort(workflow, sheet, "demo_cd4", changes, visits=visits)


def with_groups(workflow: Workflow, n_cells: int = 1000) -> None:
    """Four controls, eight cases and four donors of another disease; SLEDAI of seven cases.

    Log-ratio: cases as in the demo at a SLEDAI of 6 and 0.3 more a unit, the other disease 2.4
    below the controls.
    """
    sheet = sheet_of(4, 12)
    sheet.loc[12:, "condition"] = "other"
    sledai = ["0", "2", "4", "6", "8", "10", "12"]
    sheet["sledai"] = [None] * 4 + sledai + [None] * 5
    planted = {
        "sledai": {"center": 6, "per_unit": shift(0.3)},
        "condition": {"values": {"other": shift(-2.4)}},
    }
    changes = {"n_cells": n_cells, "donor_sd": 0.25, "further": planted}
    cohort(
        workflow, sheet, "demo_cd4", changes,
        exposures=["sledai"],
        groups={"column": "condition", "order": ["other", "control", "SLE"]},
        contrasts=[{"case": "other", "control": "control"}, {"case": "SLE", "control": "other"}],
    )  # fmt: skip
