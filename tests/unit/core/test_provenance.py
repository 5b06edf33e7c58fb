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


def test_large_files_are_told_by_size_and_end(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "SMALL", 10)
    monkeypatch.setattr(provenance, "END", 4)
    path = tmp_path / "a"
    found = []
    for text in ("x" * 20, "y" * 16 + "x" * 4, "x" * 19 + "y", "x" * 21):
        path.write_text(text)
        found.append(provenance.fingerprint(path))
    assert found[0] == found[1], "only the end is read"
    assert len(set(found)) == 3


def test_results_are_no_files_of_the_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert jobs.given("a", ["b", "results/x"]) == [provenance.fingerprint(n) for n in "ab"]
    assert jobs.given([]) == []
