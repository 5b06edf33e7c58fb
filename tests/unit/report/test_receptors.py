"""What the report says of receptors: totals over samples, doublets weighed by their barcodes."""

import pandas as pd
from tilt.figures.names import CohortLabel
from tilt.report import methods, receptors
from tilt.report.answer import CohortResults


def results(**more):
    table = {"sample": ["S1", "S2", "S3"], "n_t": [100, 1900, 0], "n_t_both": [80, 1320, 0]}
    table |= {"n_t_many": [1, 29, 0], "n_single_beta": [100, 300, 0], "n_several_beta": [10, 30, 0]}
    table |= {"pct_doublets_single": [4.0, 0.0, None], "pct_doublets_several": [60.0, 20.0, None]}
    made = pd.DataFrame(table | more).reindex(columns=[*table, *receptors.SHOWN[1:]])
    made = made.loc[:, ~made.columns.duplicated()]
    label = CohortLabel("c", "Cohort", case="SLE", control="control")
    found = CohortResults(label, {})
    found.tables = {"receptor_samples": made}
    return found


def test_caption_has_the_numbers():
    said = receptors.caption(results())
    assert "Both chains were read of 1,400 of 2,000 T cells (70%); 30 have more" in said
    assert said.endswith(
        "Of 40 barcodes with several beta chains 30% were called doublets by their RNA, of those "
        "with one 1%."
    )


def test_without_doublets_or_receptors_nothing_is_said_of_them():
    assert "doublets by their RNA" not in receptors.caption(results(n_several_beta=[0, 0, 0]))
    empty = results()
    empty.tables = {}
    assert receptors.caption(empty).endswith("chains read by sample.")
    assert receptors.tables(empty) == []


def test_table_has_a_row_a_sample():
    ((heading, html),) = receptors.tables(results())
    assert heading == "Receptors" and html.count("<tr") == 4 and "Receptors of the samples" in html


def test_methods_tell_of_receptors_and_tags_where_they_were_read():
    with_both, plain = results(), results()
    plain.cohort, plain.tables = CohortLabel("d", "Other", case="SLE", control="control"), {}
    with_both.settings = {"protein": {"from": "features"}}
    assert methods.beside_text([plain]) == []
    tags, chains = methods.beside_text([with_both, plain])
    assert tags.startswith("Antibody tags (c): log counts") and "E4" in tags
    assert chains.startswith("T-cell receptors (c): a clone is all cells of a donor")
    assert "empty droplets" not in tags
    with_both.settings["samples"] = [{"sample": "S1", "raw": "S1.h5"}]
    dsb = methods.beside_text([with_both])[0]
    assert dsb.startswith("Antibody tags: log counts less their mean in the empty droplets")
    plain.settings = {"protein": {"from": "features"}}
    both = methods.beside_text([with_both, plain])[0]
    assert "the cell's tags, of c log counts less their mean in the empty droplets" in both
