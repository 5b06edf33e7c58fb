"""What tells one content of a file from another without reading all of it."""

import gzip
import os

from tilt.config import jobs
from tilt.core import provenance


def test_fingerprints_hang_on_content_alone(tmp_path):
    path = tmp_path / "a.gz"
    seen = []
    for text in ("a", "b", "ab"):
        for time in (1e9, 2e9):
            path.write_bytes(gzip.compress(text.encode(), mtime=0))
            os.utime(path, (time, time))
            seen.append(provenance.fingerprint(path))
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 3 and "" not in seen
    assert provenance.fingerprint(tmp_path / "nowhere") == ""


def test_large_files_are_told_by_size_end_and_places_between(tmp_path, monkeypatch):
    for name, value in {"SMALL": 10, "END": 4, "PIECES": 2, "PIECE": 3}.items():
        monkeypatch.setattr(provenance, name, value)
    path = tmp_path / "a"

    def changed(place: int, n: int = 20) -> str:
        path.write_text("".join("y" if k == place else "x" for k in range(n)))
        return provenance.fingerprint(path)

    whole = changed(-1)
    assert [k for k in range(20) if changed(k) != whole] == [0, 1, 2, 10, 11, 12, *range(16, 20)]
    assert changed(-1, 21) != whole


def test_results_are_no_files_of_the_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert jobs.given("a", ["b", "results/x"]) == [provenance.fingerprint(n) for n in "ab"]
    assert jobs.given([]) == []
