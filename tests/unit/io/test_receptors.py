"""Tables of receptors: Cell Ranger and AIRR give the same chains, and what is wrong is told."""

import gzip

import pytest
from tilt.io import receptors
from tilt.io.errors import BadSample

HEAD = "barcode,is_cell,contig_id,high_confidence,length,chain,v_gene,d_gene,j_gene,c_gene,"
HEAD += "full_length,productive,cdr3,cdr3_nt,reads,umis,raw_clonotype_id,raw_consensus_id"
A, B, C = "AAACCTGAGAAACCAT-1", "AAACCTGAGAAACCGC-1", "AAACCTGAGAAACCTA-1"


def contig(cell, chain, v, j, cdr3="CAF", nt="TGTGCTTTT", umis=3, productive="True", called="True"):
    return (
        f"{cell},{called},{cell}_contig_1,True,500,{chain},{v},None,{j},TRAC,True,{productive},"
        f"{cdr3},{nt},99,{umis},clonotype1,clonotype1_consensus_1"
    )


CONTIGS = [
    contig(B, "TRB", "TRBV5-1", "TRBJ1-1", umis=2),
    contig(A, "TRA", "TRAV10", "TRAJ18", "CVF", "TGTGTTTTT", 2),
    contig(A, "TRA", "TRAV1-2", "TRAJ33", umis=7),
    contig(A, "TRB", "TRBV20-1", "TRBJ2-1", umis=5),
    contig(A, "TRB", "TRBV20-1", "TRBJ2-1", umis=4),  # the same chain in two contigs
    contig(A, "TRB", "TRBV5-1", "TRBJ2-1", productive="False"),
    contig(C, "TRB", "TRBV5-1", "TRBJ2-1", called="False"),
    contig(B, "Multi", "TRAV1-2", "TRBJ2-1"),
]
CHAINS = [
    (A, "TRA", "TRAV1-2", "TRAJ33", "CAF", "TGTGCTTTT", 7),
    (A, "TRA", "TRAV10", "TRAJ18", "CVF", "TGTGTTTTT", 2),
    (A, "TRB", "TRBV20-1", "TRBJ2-1", "CAF", "TGTGCTTTT", 9),
    (B, "TRB", "TRBV5-1", "TRBJ1-1", "CAF", "TGTGCTTTT", 2),
]


def saved(path, lines):
    text = "\n".join(lines) + "\n"
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt") as handle:
        handle.write(text)
    return path


def rows(table):
    return list(table.itertuples(index=False, name=None))


@pytest.mark.parametrize("name", ["filtered_contig_annotations.csv", "all.csv.gz"])
def test_cell_ranger(tmp_path, name):
    chains, numbers, notes = receptors.read(saved(tmp_path / name, [HEAD, *CONTIGS]), "S1")
    assert rows(chains) == CHAINS, "the strongest first, what is no cell or not productive left out"
    assert numbers == {"n_contigs": 7, "n_productive": 6}
    assert notes == ["chains that are no TRA or TRB left out: Multi 1"]


def airr(locus=True):
    """The same chains as AIRR rearrangements, with alleles and T for true."""
    head = "cell_id sequence_id v_call j_call junction_aa junction productive duplicate_count"
    lines = ["\t".join([*head.split(), *(["locus"] if locus else [])])]
    for cell, chain, v, j, cdr3, nt, umis in CHAINS:
        line = [cell, "x", f"{v}*01,{v}*02", f"{j}*01", cdr3, nt, "T", str(umis)]
        lines.append("\t".join([*line, *([chain] if locus else [])]))
    lines.append("\t".join([A, "x", "TRBV5-1*01", "TRBJ2-1*01", "CAF", "TGTGCTTTT", "F", "9"]))
    lines[-1] += "\tTRB" if locus else ""
    return lines


@pytest.mark.parametrize("locus", [True, False])
def test_airr_gives_the_same(tmp_path, locus):
    chains, numbers, _ = receptors.read(saved(tmp_path / "airr.tsv", airr(locus)), "S1")
    assert rows(chains) == CHAINS
    assert numbers == {"n_contigs": 5, "n_productive": 4}


def test_without_any_contig_there_are_no_chains(tmp_path):
    chains, numbers, _ = receptors.read(saved(tmp_path / "c.csv", [HEAD]), "S1")
    assert chains.empty and numbers["n_contigs"] == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["clonotype_id,frequency,cdr3s_aa", "c1,3,TRA:CAF"], "lacks 6 columns of a table of rec"),
        ([HEAD.replace("cdr3_nt", "x"), CONTIGS[0]], r"lacks 1 column .*\(cdr3_nt\); it has bar"),
        ([""], "it has none"),
        (
            [HEAD, contig(A, "IGH", "IGHV1-2", "IGHJ4")],
            r"no productive TRA or TRB .*\(IGH\).*vdj_t",
        ),
        ([HEAD, contig("", "TRA", "TRAV1-2", "TRAJ33")], "no contig has the barcode of a cell"),
        ([HEAD, '"' + CONTIGS[0]], "is not whole"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, lines, said):
    with pytest.raises(BadSample, match=said) as told:
        receptors.read(saved(tmp_path / "c.csv", lines), "S1")
    assert "sample S1" in str(told.value) and "c.csv" in str(told.value)


@pytest.mark.parametrize("empty", ["", "None", "NA", "nan"])
def test_a_chain_without_its_genes_or_bases_is_left_out_with_its_number(tmp_path, empty):
    lines = [contig(C, "TRB", empty, "TRBJ1-1"), contig(C, "TRA", "TRAV10", "TRAJ18", nt=empty)]
    chains, _, notes = receptors.read(saved(tmp_path / "c.csv", [HEAD, *CONTIGS, *lines]), "S1")
    assert rows(chains) == CHAINS
    assert notes[1:] == ["2 chains without V, J or CDR3 left out"]


def test_a_torn_archive_is_told(tmp_path):
    path = saved(tmp_path / "c.csv.gz", [HEAD, *CONTIGS * 300])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadSample, match=r"is not whole .*fetch it again"):
        receptors.read(path, "S1")


CELLS = [f"AAACCTGAGAAA{a}{b}{c}T" for a in "ACGT" for b in "ACGT" for c in "ACGT"]


def chains_of(tmp_path, cells):
    path = saved(
        tmp_path / "c.csv", [HEAD, *(contig(c, "TRB", "TRBV5-1", "TRBJ1-1") for c in cells)]
    )
    return receptors.read(path, "S1")[0]


@pytest.mark.parametrize("name", ["{}-1", "S1_{}-1", "{}-3", "{}", "pool_{}-1-0"])
def test_barcodes_are_matched_by_their_bases(tmp_path, name):
    """As in the matrix, or renamed: what stands in front and behind is passed over."""
    own = [f"{cell}-1" for cell in CELLS[:40]]
    found, lost = receptors.of_sample(
        chains_of(tmp_path, [name.format(cell) for cell in CELLS[10:60]]),
        {"S1": own},
        "S1",
        "c.csv",
    )
    assert sorted(found["cell"]) == sorted(own[10:]) and lost == 20


def test_equal_bases_of_two_libraries_are_not_mixed(tmp_path):
    """-1 and -2 of an aggregate are other cells: they match as they are."""
    both = [f"{cell}-{k}" for k in (1, 2) for cell in CELLS[:20]]
    own = [f"{cell}-2" for cell in CELLS[:20]]
    found, lost = receptors.of_sample(chains_of(tmp_path, both), {"S1": own}, "S1", "c.csv")
    assert sorted(found["cell"]) == sorted(own) and lost == 20
    with pytest.raises(BadSample, match="0 of 40 barcodes"):
        own = [f"x{cell}" for cell in CELLS[:20]]
        receptors.of_sample(chains_of(tmp_path, both), {"S1": own}, "S1", "c.csv")


def test_receptors_of_another_sample_are_told_with_its_name(tmp_path):
    cells = {"S1": CELLS[:30], "S2": CELLS[30:]}
    with pytest.raises(BadSample) as told:
        receptors.of_sample(chains_of(tmp_path, CELLS[29:60]), cells, "S1", "c.csv")
    text = str(told.value)
    assert "1 of 31 barcodes with a receptor are among the 30 of the sample" in text
    assert "30 are among those of sample S2" in text and "correct `vdj`" in text


@pytest.mark.parametrize("missing", ["", "None", "NA", "NaN", "nan"])
@pytest.mark.parametrize("what", ["v", "j", "nt"])
def test_what_is_not_known_of_a_chain_is_no_sequence(tmp_path, what, missing):
    """Cells without a CDR3 would be one clone, called NAN."""
    known = {"v": "TRBV5-1", "j": "TRBJ1-1", "nt": "TGTGCTTTT"}
    lines = [
        contig(C, "TRB", **known),
        *(contig(c, "TRB", **known | {what: missing}) for c in (A, B)),
    ]
    chains, _, notes = receptors.read(saved(tmp_path / "a.csv", [HEAD, *lines]), "S1")
    assert list(chains["cell"]) == [C]
    assert notes == ["2 chains without V, J or CDR3 left out"]


def test_a_locus_that_is_not_given_is_that_of_the_gene(tmp_path):
    lines = [contig(A, "", "TRAV1-2", "TRAJ33"), contig(B, "None", "None", "None")]
    chains, _, notes = receptors.read(saved(tmp_path / "a.csv", [HEAD, *lines]), "S1")
    assert rows(chains[["cell", "locus"]]) == [(A, "TRA")]
    assert notes == ["chains that are no TRA or TRB left out: unknown 1"]


def test_genes_as_imgt_writes_them(tmp_path):
    lines = [line.replace("TRAV1-2*01", "Homsap TRAV1-2*01 F") for line in airr()]
    assert lines != airr()
    assert rows(receptors.read(saved(tmp_path / "a.tsv", lines), "S1")[0]) == CHAINS


@pytest.mark.parametrize("umis", ["1.5e", '"1,500"', "-1", "inf", "9" * 30])
def test_molecules_that_are_no_number_are_told_and_not_taken_as_none(tmp_path, umis):
    lines = [HEAD, contig(A, "TRA", "TRAV1-2", "TRAJ33", umis=umis)]
    with pytest.raises(BadSample, match=r"the molecules are '.*' in 1 contig. Fix: write whole"):
        receptors.read(saved(tmp_path / "a.csv", lines), "S1")


def test_rows_longer_than_the_header_are_read_by_their_columns(tmp_path):
    lines = [HEAD, *(line + ",more,and more" for line in CONTIGS)]
    assert rows(receptors.read(saved(tmp_path / "a.csv", lines), "S1")[0]) == CHAINS


def test_a_cdr3_that_is_no_sequence_is_left_out_and_told(tmp_path):
    lines = [HEAD, *CONTIGS, contig(B, "TRA", "TRAV1-2", "TRAJ33", cdr3="CA*\x1bF")]
    chains, _, notes = receptors.read(saved(tmp_path / "a.csv", lines), "S1")
    assert rows(chains) == CHAINS
    assert "1 chain whose CDR3 is no sequence left out (first 'CA*\\x1bF')" in notes


def test_productive_by_another_word_is_told_and_not_taken_as_false(tmp_path):
    lines = [HEAD, contig(A, "TRA", "TRAV1-2", "TRAJ33", productive="productive")]
    with pytest.raises(BadSample, match=r"productive is productive in 1 contig.*True or False"):
        receptors.read(saved(tmp_path / "a.csv", lines), "S1")


def test_gamma_delta_chains_alone_are_told_for_what_they_are(tmp_path):
    lines = [HEAD, contig(A, "TRG", "TRGV9", "TRGJP"), contig(A, "TRD", "TRDV2", "TRDJ1")]
    with pytest.raises(BadSample, match="leave `vdj` of this sample empty"):
        receptors.read(saved(tmp_path / "a.csv", lines), "S1")
