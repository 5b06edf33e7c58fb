"""Streams of random numbers hang on names: another name would draw other demo cohorts."""

from pathlib import Path

from tilt.genes import tables
from tilt.simulate import cohort, world

ROOT = Path(__file__).parents[3]


def test_streams_of_background_genes_are_called_as_when_the_demo_was_first_drawn(monkeypatch):
    asked, plain = [], world.stream

    def watched(seed, *names):
        asked.extend(names)
        return plain(seed, *names)

    monkeypatch.setattr(world, "stream", watched)
    params = cohort.read_parameters(ROOT / "resources/demo/demo_pbmc.yaml")
    markers = tables.read_markers(ROOT / "resources/markers.tsv")
    world.build(params, markers, tables.read_signatures(ROOT / "resources/signatures.tsv"))
    kinds = {name.split(":")[0] for name in asked}
    assert kinds == {"background", "silent", "lineage", "programme", "type"}
    shared = {name for spec in params["cells"]["types"].values() for name in spec.get("share", [])}
    assert {f"programme:{name}" for name in shared} <= set(asked)
