"""Simulated receptors: planted expansion comes back, nothing planted gives none, files are read."""

import clone_cohorts
import numpy as np
import pandas as pd
import pytest
from tilt.cells.receptors import INVARIANT
from tilt.simulate import cohort as simulate
from tilt.simulate import receptors

SUBSET = "CD4_Tph_like"


def effects(params, seeds, tmp_path, *what, kinds=clone_cohorts.KINDS):
    """Effect and p of measures (measure, subset) in several cohorts of 8 and 8 donors."""
    rows = []
    for seed in seeds:
        people = clone_cohorts.tag_cohorts.sheet(8, 8, 2, seed)
        found = clone_cohorts.measured(params, people, seed, tmp_path / "c.csv", kinds)
        rows += [
            {"what": measure, "subset": subset}
            | clone_cohorts.compared(found, people, measure, subset)
            for measure, subset in what
        ]
    return pd.DataFrame(rows).set_index(["what", "subset"]).sort_index()


def test_planted_expansion_is_found_where_it_was_planted(tmp_path):
    """A quarter more of the Tph-like cells are of expanded clones; of other subsets none.

    A clone of which one cell is drawn is not seen to be expanded, and a chain may be missed, so
    that less comes back than is planted.
    """
    params = clone_cohorts.parameters(effects={SUBSET: 0.25})
    others = [("clone_expanded", name) for name in ("CD8_EM_GZMK", "CD4_CTL")]
    wanted = [("clone_expanded", SUBSET), ("clone_d50", SUBSET), ("clone_gini", SUBSET), *others]
    found = effects(params, range(3), tmp_path, *wanted)
    more = found.loc[("clone_expanded", SUBSET)]
    assert (more["p"] < 0.01).all() and 12 < more["effect"].mean() < 25
    assert (found.loc[("clone_d50", SUBSET), "effect"] < 0).all()
    assert (found.loc[("clone_gini", SUBSET), "effect"] > 0).all()
    rest = found.loc[others]
    assert (rest["p"] < 0.05).sum() <= 2 and abs(rest["effect"].mean()) < 4


def test_nothing_planted_gives_no_alarms(tmp_path):
    params = simulate.null(clone_cohorts.parameters())
    wanted = [("clone_expanded", SUBSET), ("clones_in_CD4_Tfh_circ", SUBSET)]
    kinds = {SUBSET: 50, "CD4_Tfh_circ": 50}
    found = effects(params, range(100, 108), tmp_path, *wanted, kinds=kinds)
    assert found["estimable"].all()
    assert (found["p"] < 0.05).sum() <= 4, "of 16 at a level of 5 %, one run in a thousand has more"


def test_simulated_contigs_hold_what_the_parameters_say(tmp_path):
    params = clone_cohorts.parameters(second={"TRA": 0.0, "TRB": 0.0})
    people = clone_cohorts.tag_cohorts.sheet(4, 0, 1, 7)
    labels, found = clone_cohorts.draw(params, people, 7, tmp_path / "c.csv")
    for locus, share in params["receptors"]["seen"].items():
        assert (found[f"n_{locus.lower()}"] > 0).mean() == pytest.approx(share, abs=0.05)
    mait = (labels["subset"] == "MAIT").to_numpy()
    assert (found.loc[mait & (found["n_tra"] > 0), "invariant"] == "MAIT").all()
    assert (found.loc[~mait, "invariant"] == "").all()
    # Two cells of one clone by the files are of one expanded clone by the truth.
    named = found.assign(subset=labels["subset"].to_numpy())[found["clone"] != ""]
    seen = (named["clone_size"] > 1).groupby(named["subset"]).mean()
    assert seen["CD8_EM_GZMK"] == pytest.approx(0.35, abs=0.1)
    assert seen["CD4_Tfh_circ"] < 0.15 < seen["CD8_EM_GZMK"] < seen["CD4_CTL"] + 0.1


def test_missed_alpha_chains_split_no_clone(tmp_path):
    """All cells of one clone, of which half of the alpha chains and their seconds are read."""
    settings = clone_cohorts.parameters(
        seen={"TRA": 0.6, "TRB": 1.0}, second={"TRA": 0.5, "TRB": 0.0}
    )["receptors"]
    clone, kinds = np.array(["one"] * 60, object), np.array(["CD4_CTL"] * 60, object)
    row = {"sample": "S", "donor": "D"}
    codes = [f"c{i}" for i in range(60)]
    made = receptors.contigs(settings, clone, kinds, codes, row, 3)
    # What scirpy asks of Cell Ranger's table, which tilt itself does not read.
    assert {"reads", "d_gene", "c_gene", "full_length", "length"} <= set(made.columns)
    assert (made["reads"] == 25 * made["umis"]).all()
    assert set(made["c_gene"].str[:3]) == set(made["chain"])
    made.to_csv(tmp_path / "c.csv", index=False)
    chains, _, _ = clone_cohorts.reader.read(tmp_path / "c.csv", "S")
    found = clone_cohorts.cells_of.of_cells(chains, pd.Series("D", index=codes))
    named = found.loc[found["clone"] != "", "clone"]
    assert 20 < len(named) < 50 and named.nunique() == 1


def test_receptors_leave_rna_and_tags_as_they_are():
    """Other streams: the same cells with and without receptors."""
    sheet = simulate.sheet(1, 0, batches=1, seed=1)
    given = (sheet, clone_cohorts.MARKERS, clone_cohorts.tag_cohorts.SIGNATURES, 1)
    params = clone_cohorts.parameters() | {"n_cells": 150}
    plain = {key: value for key, value in params.items() if key != "receptors"}
    one, other = (next(simulate.cohort(p, *given)) for p in (params, plain))
    assert (one.X != other.X).nnz == 0
    pd.testing.assert_frame_equal(one.obsm["protein"], other.obsm["protein"])
    contigs = one.uns["contigs"]
    assert "contigs" not in other.uns
    own = {name.removeprefix(f"{sheet['sample'][0]}_") for name in one.obs_names}
    assert set(contigs["barcode"]) <= own
    kind = one.obs["true_subset"].set_axis([n.split("_")[-1] for n in one.obs_names])
    lineage = one.obs["true_lineage"].set_axis(kind.index)[contigs["barcode"].unique()]
    single = ~one.obs["true_is_doublet"].set_axis(kind.index)[lineage.index]
    assert (lineage[single] == "T").all(), "only T cells, or a T cell in a doublet, have a receptor"
    assert not kind[lineage.index][single].isin(["Vd1", "Vd2"]).any()


def test_parameters_that_are_unknown_are_told():
    with pytest.raises(ValueError, match=r"missing keys \['decay'\], unknown keys \['x'\]"):
        receptors.check({k: 1 for k in receptors.KEYS if k != "decay"} | {"x": 1})
    assert receptors.SEMI == ("TRAV1-2", "TRAJ33") and receptors.SEMI in INVARIANT
