"""Files that a user has put there by hand, and addresses of services: what is not believed."""

import hashlib

import pytest
from tilt.io import retrieve
from tilt.io.fetch import RetrievalError


def test_a_file_put_there_by_hand_is_recorded_and_a_link_is_refused(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "by_hand.gz").write_bytes(b"data")
    (record,) = retrieve.retrieve([], folder, ["by_hand.gz"])
    sha = hashlib.sha256(b"data").hexdigest()
    path = str(folder / "by_hand.gz")
    assert record == {"file": "by_hand.gz", "bytes": 4, "sha256": sha, "url": path, "version": ""}
    (tmp_path / "elsewhere").write_bytes(b"other")
    (folder / "by_hand.gz").unlink()
    (folder / "by_hand.gz").symlink_to(tmp_path / "elsewhere")
    (folder / "lock.json").unlink()
    with pytest.raises(RetrievalError, match=r"by_hand.gz is a link to .*elsewhere, which the"):
        retrieve.retrieve([], folder, ["by_hand.gz"])


@pytest.mark.parametrize("api", ["http://a.org/curation", "ftp://a.org", "https://me:pw@a.org"])
def test_a_service_is_asked_over_https_alone(monkeypatch, api):
    monkeypatch.setattr("requests.Session.get", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(RetrievalError, match=r"Fix: write https://"):
        retrieve.resolve_cellxgene({"collection": "C", "dataset": "D", "api": api})
