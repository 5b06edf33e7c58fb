"""Small rules of retrieval: sizes in words, what is waited for, what is taken for a file."""

import gzip
import hashlib
import tarfile
from types import SimpleNamespace

import pytest
import requests
from tilt.io import fetch
from tilt.io.fetch import RetrievalError


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_345, "12.35 kB"),
        (999_999, "1000 kB"),
        (1_000_000, "1 MB"),
        (12_200_000_000, "12.2 GB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_amounts_in_words(n, words):
    assert fetch.amount(n) == words


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example.org/a", True),
        ("http://127.0.0.1:80/a", True),
        ("http://localhost/a", True),
        ("http://[::1]/a", True),
        ("http://example.org/a", False),
        ("ftp://localhost/a", False),
        ("localhost/a", False),
        ("https://me:pw@example.org/a", False),
        ("http://127.0.0.1@example.org/a", False),
        ("https:///a", False),
        ("https://example.org/a b", False),
        ("https://[::1/a", False),
        ("https://example.org:x/a", False),
    ],
)
def test_addresses(url, good):
    if good:
        fetch.check_address(url)
    else:
        with pytest.raises(RetrievalError, match=r"Fix: write https://"):
            fetch.check_address(url)


def checked(path, name=None, n_bytes=None, sha256=None):
    return fetch.check_file(path, name or path.name, n_bytes, sha256)


def test_a_good_file_gives_its_digest(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"some text")
    sha = hashlib.sha256(b"some text").hexdigest()
    assert checked(path) == fetch.digest(path) == sha
    assert checked(path, n_bytes=9, sha256=sha) == sha
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(b"x" * 10_000))
    assert checked(packed) == hashlib.sha256(packed.read_bytes()).hexdigest()
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(path, "a.txt")
    assert checked(tmp_path / "a.tar")


@pytest.mark.parametrize(
    ("name", "data", "more", "words"),
    [
        ("a.txt", b"", {}, "the file is empty"),
        ("a.txt", b"  <HTML><body>", {}, "a web page in place of the file"),
        ("a.txt", b"<?xml version>", {}, "a web page in place of the file"),
        ("a.gz", b"plain", {}, "what the server sent is not a .gz file"),
        ("a.zip", b"plain", {}, "what the server sent is not a .zip file"),
        ("a.h5", b"plain", {}, "what the server sent is not a .h5 file"),
        ("a.tar", b"plain" * 100, {}, "what the server sent is not a .tar file"),
        ("a.txt", b"plain", {"n_bytes": 6}, "5 bytes came, 6 are expected"),
        ("a.txt", b"plain", {"sha256": "0"}, "the file has changed or is damaged: SHA-256"),
        ("a.gz", gzip.compress(b"x" * 9999, mtime=0)[:-9], {}, "the compressed file is cut short"),
        ("a.gz", gzip.compress(b"x", mtime=0) + b"rest", {}, "the compressed file is cut short"),
        ("a.gz", gzip.compress(bytes(40_000_000), mtime=0), {}, "unpack to more than 28"),
    ],
)
def test_what_is_no_good_file(tmp_path, name, data, more, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(fetch.Refused, match=words):
        checked(tmp_path / name, **more)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("601", 600.0), ("Wed, 21 Oct", 0.0), (None, 0.0)]
)
def test_what_a_server_asks_to_wait(header, seconds):
    headers = {} if header is None else {"Retry-After": header}
    assert fetch._retry_after(SimpleNamespace(headers=headers)) == seconds


def test_faults_of_connections_in_plain_words():
    assert fetch._plainly(requests.exceptions.ReadTimeout()) == "no data in time"
    assert fetch._plainly(requests.exceptions.ConnectTimeout()) == "no answer in time"
    assert fetch._plainly(requests.ConnectionError()) == "no connection, or it was dropped"
    assert fetch._plainly(requests.exceptions.InvalidURL("x")) == "InvalidURL: x"


def test_waits_double_up_to_a_minute_and_heed_the_server(tmp_path, monkeypatch):
    waits, after = [], iter([0, 0, 0, 0, 0, 0, 0, 90, 0, 0])

    def refuse(*_):
        raise fetch._Passing("busy", next(after))

    monkeypatch.setattr(fetch, "_go_on", refuse)
    with pytest.raises(RetrievalError, match=r"busy \(10 attempts without progress"):
        fetch.fetch(["https://a.org/a"], tmp_path / "a", attempts=10, sleep=waits.append)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 90, 60]


def test_progress_begins_the_count_of_attempts_anew(tmp_path, monkeypatch):
    waits = []

    def drop(session, url, part, name, n_bytes):
        size = part.stat().st_size if part.exists() else 0
        if len(waits) < 6 and len(waits) % 2 == 0:
            part.write_bytes(b"x" * (size + 1))
        if len(waits) == 7:
            return
        raise fetch._Passing("dropped")

    monkeypatch.setattr(fetch, "_go_on", drop)
    done = fetch.fetch(["https://a.org/a"], tmp_path / "a", attempts=4, sleep=waits.append)
    assert done["bytes"] == 3
    assert waits == [1, 2, 1, 2, 1, 2, 4]
