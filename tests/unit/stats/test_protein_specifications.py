"""E4 among the specifications: other thresholds, gates and floors, by hand."""

import anndata as ad
import numpy as np
import pandas as pd
from tilt.cells import groups
from tilt.config import check
from tilt.core.terms import UNIT
from tilt.donors import protein_axis
from tilt.io import store
from tilt.stages import comparison
from tilt.stats import contrast, design, plan, specifications

N = 10
SETTINGS = plan.imbalance_settings(check.defaults()["imbalance"])


def study(without=()):
    """Ten donors of 250 memory cells and 50 naive ones, cases with more PD-1."""
    rng = np.random.default_rng(1)
    donors = pd.DataFrame({"cohort": "c", "donor": [f"D{i}" for i in range(N)]})
    donors["condition"] = ["SLE", "control"] * (N // 2)
    cells = donors.loc[donors.index.repeat(300), UNIT[1:]].reset_index(drop=True)
    cells = cells.assign(level1="CD4", look_alike="", compartment="memory", own_subset="")
    cells.loc[cells.index % 6 == 0, "compartment"] = "naive"
    levels = pd.DataFrame(rng.normal(size=(len(cells), 3)), columns=list(protein_axis.NEEDED))
    levels.loc[cells["condition"] == "SLE", "PD-1"] += 0.5
    levels = levels.drop(columns=list(without))
    counts = protein_axis.counts(levels, cells, donors)
    scores = pd.DataFrame({"cell": cells.index, "tph_score": 0.0, "th22_score": 0.0})
    composition = pd.DataFrame({"denominator": [], "subset": [], "n": [], "n_denominator": []})
    composition[["cohort", "donor", "condition", "kind"]] = ""
    return (
        comparison.study(
            donors,
            contrast.Plan(
                design.Contrast("SLE", "control"), permutations=19, bootstraps=19, seed=1
            ),
            SETTINGS,
            composition,
            pd.DataFrame({"set": [], "gene": [], "weight": []}),
            cells=cells,
            scores=scores,
            proteins=(counts, levels),
        ),
        cells,
        levels,
    )


def curve(**how):
    made, *_ = study(**how)
    table = specifications.curve(made, "E1")
    return table[table["estimator"] == "E4"].set_index("specification")


def by_hand(pd1, icos, cd96):
    """E4 of every donor with these quantiles, donors weighing alike."""
    made, cells, levels = study()
    inside = groups.working_set(cells)
    part, donor = levels[inside], cells.loc[inside, "donor"].to_numpy()
    above = {
        name: part[name].to_numpy() > groups.donor_quantile(part[name].to_numpy(), donor, quantile)
        for name, quantile in (("PD-1", pd1), ("ICOS", icos), ("CD96", cd96))
    }
    tph, th22 = above["PD-1"] & above["ICOS"], above["CD96"]
    table = made.donors[UNIT].assign(n_cells=250)
    for name, mask in (("n_tph", tph & ~th22), ("n_th22", th22 & ~tph)):
        table[name] = [int(mask[donor == d].sum()) for d in table["donor"]]
    rows = protein_axis.axis_rows(table.assign(reason=""), SETTINGS.min_memory_cells)
    return contrast.main_effect(specifications._designs(made), rows, "ln ratio")["effect"]


def test_thresholds_and_gates_by_hand():
    found = curve()["effect"]
    assert found["as declared"] == by_hand(0.95, 0.75, 0.95)
    assert found["hi above the 90.0% quantile"] == by_hand(0.90, 0.75, 0.90)
    assert found["hi above the 97.5% quantile"] == by_hand(0.975, 0.75, 0.975)
    assert found["PD-1hi with and without ICOS"] == by_hand(0.95, -1, 0.95)
    assert found["as declared"] > 0.3 and found.nunique() > 6


def test_floors_donors_out_and_models_are_there():
    found = curve()
    floor = found.loc["donors with 500 memory CD4 cells"]
    assert not floor["estimable"] and "fewer than 500 memory CD4 cells" in floor["reason"]
    assert (
        found.loc["donors with 200 memory CD4 cells", "effect"] == found.at["as declared", "effect"]
    )
    assert (found["family"] == "one donor out").sum() == N
    assert {"donors unweighted", "logit-normal, no pseudocount"} <= set(found.index)
    assert set(found["unit"]) == {"ln ratio"} and not found["leads"].any()


def test_without_an_antibody_every_way_says_which():
    found = curve(without=["ICOS"])
    assert not found["estimable"].any() and len(found) == 7
    assert set(found["reason"].str.contains("no antibody against ICOS")) == {True}


def test_cohorts_without_tags_have_no_such_rows():
    made, cells, _ = study()
    made = comparison.study(
        made.donors, made.plan, SETTINGS, made.composition, made.signatures, cells=cells,
        scores=pd.DataFrame({"cell": cells.index, "tph_score": 0.0, "th22_score": 0.0}),
    )  # fmt: skip
    assert made.proteins is None
    assert set(specifications.curve(made, "E1")["estimator"]) == {"E2"}


def test_only_the_columns_that_are_needed_are_read(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    made = ad.AnnData(np.zeros((2, 3)), layers={"aligned": values})
    made.obs_names, made.var_names = ["a", "b"], ["CD4", "PD-1", "CD96"]
    made.write_h5ad(tmp_path / "p.h5ad")
    found = store.read_layer(tmp_path / "p.h5ad", "aligned", ("CD96", "ICOS", "PD-1"))
    assert found.to_dict() == {"CD96": {"a": 2.0, "b": 5.0}, "PD-1": {"a": 1.0, "b": 4.0}}
