"""Retrieval against a server on this machine that misbehaves: nothing partial, nothing believed."""

import gzip
import hashlib
import io
import json
import multiprocessing
import tarfile
import time

import loopback
import pytest
import requests
from loopback import content, get, offer
from tilt.io import fetch, retrieve
from tilt.io.fetch import RetrievalError


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "web").mkdir()
    with loopback.serve(tmp_path / "web") as running:
        yield running


def test_a_file_is_fetched_checked_and_recorded(server, tmp_path):
    sha = offer(server, "a.bin", content())
    result, waits = get(server, tmp_path / "x" / "a.bin", "a.bin", n_bytes=200_000, sha256=sha)
    assert result == {"url": server.url("a.bin"), "bytes": 200_000, "sha256": sha}
    assert (tmp_path / "x/a.bin").read_bytes() == content() and waits == []
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["a.bin"]


def test_a_dropped_connection_is_resumed_where_it_stopped(server, tmp_path):
    offer(server, "a.bin", content())
    server.fault("a.bin", "drop", "drop")
    get(server, tmp_path / "a.bin", "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content()
    assert [r for _, r in server.requests] == [None, "bytes=65536-", "bytes=131072-"]


def test_a_later_run_goes_on_with_the_part(server, tmp_path):
    offer(server, "a.bin", content())
    server.fault("a.bin", "drop", "503", "503")
    with pytest.raises(RetrievalError, match="run again to go on where it stopped"):
        get(server, tmp_path / "a.bin", "a.bin", attempts=2)
    assert not (tmp_path / "a.bin").exists()
    get(server, tmp_path / "a.bin", "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content()
    assert server.requests[-1] == ("a.bin", "bytes=65536-")


def test_a_whole_part_is_not_fetched_again(server, tmp_path):
    offer(server, "a.bin", content())
    server.fault("a.bin", "drop", "503")
    with pytest.raises(RetrievalError):
        get(server, tmp_path / "a.bin", "a.bin", attempts=2)
    (tmp_path / ".a.bin.part").write_bytes(content())
    get(server, tmp_path / "a.bin", "a.bin")
    assert server.requests[-1] == ("a.bin", "bytes=200000-")
    assert (tmp_path / "a.bin").read_bytes() == content()


def test_a_file_that_changed_in_between_is_fetched_anew(server, tmp_path):
    offer(server, "a.bin", content())
    server.fault("a.bin", "drop", "503")
    with pytest.raises(RetrievalError):
        get(server, tmp_path / "a.bin", "a.bin", attempts=2)
    time.sleep(0.01)
    offer(server, "a.bin", content(seed=1))
    get(server, tmp_path / "a.bin", "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content(seed=1)


def test_a_busy_server_is_asked_again_ever_more_slowly(server, tmp_path):
    offer(server, "a.bin", content())
    server.fault("a.bin", "503", "503", "503")
    _, waits = get(server, tmp_path / "a.bin", "a.bin")
    assert waits == [1.0, 2.0, 4.0]
    server.fault("a.bin", *["503"] * 3)
    with pytest.raises(
        RetrievalError, match=r"the server answers 503 .3 attempts without progress"
    ):
        get(server, tmp_path / "b.bin", "a.bin", attempts=3)


def test_mirrors_are_tried_in_turn(server, tmp_path):
    sha = offer(server, "good.bin", content())
    offer(server, "bad.bin", content(seed=1))
    result, waits = get(server, tmp_path / "a.bin", "gone.bin", "bad.bin", "good.bin", sha256=sha)
    assert result["url"] == server.url("good.bin") and waits == []
    assert (tmp_path / "a.bin").read_bytes() == content()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "the server sent a web page in place of the file"),
        ("html_as_data", "the server sent a web page in place of the file"),
        ("404", "the server answers 404 Not Found"),
        ("cut", "the compressed file is cut short or damaged"),
    ],
)
def test_what_is_not_the_file_is_thrown_away(server, tmp_path, fault, words):
    offer(server, "a.tsv.gz", gzip.compress(content()))
    server.fault("a.tsv.gz", fault)
    with pytest.raises(RetrievalError, match=words):
        get(server, tmp_path / "out" / "a.tsv.gz", "a.tsv.gz")
    assert list((tmp_path / "out").iterdir()) == []


def test_wrong_hash_and_wrong_size(server, tmp_path):
    sha = offer(server, "a.bin", content())
    with pytest.raises(RetrievalError, match=f"SHA-256 {sha}, expected {'0' * 64}"):
        get(server, tmp_path / "a.bin", "a.bin", sha256="0" * 64)
    with pytest.raises(RetrievalError, match="the server offers 200000 bytes, 7 are expected"):
        get(server, tmp_path / "a.bin", "a.bin", n_bytes=7)
    assert not (tmp_path / "a.bin").exists() and not (tmp_path / ".a.bin.part").exists()


@pytest.mark.parametrize("name", ["a.h5ad", "a.tar", "a.gz"])
def test_other_content_than_the_name_says(server, tmp_path, name):
    offer(server, name, b"plain words, many of them\n" * 100)
    with pytest.raises(RetrievalError, match=f"what the server sent is not a .{name[2:]} file"):
        get(server, tmp_path / name, name)


def test_only_https_is_fetched(tmp_path):
    for url in ("ftp://example.org/a", "http://example.org/a", "file:///etc/passwd"):
        with pytest.raises(RetrievalError, match="only https addresses are fetched"):
            fetch.fetch([url], tmp_path / "a")


# A cohort's files -------------------------------------------------------------------------------


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


FILES = {f"GSM{i}_{kind}.gz": gzip.compress(content(500, i)) for i in (1, 2) for kind in "mb"}


def series(server, **more):
    offer(server, "GSE1_RAW.tar", archive(FILES))
    offer(server, "genes.tsv.gz", gzip.compress(b"gene"))
    return [
        {"name": "GSE1_RAW.tar", "urls": [server.url("GSE1_RAW.tar")], "unpack": True, **more},
        {"name": "genes.tsv.gz", "urls": [server.url("genes.tsv.gz")]},
    ]


def test_archive_and_file_of_a_series(server, tmp_path):
    wanted = ["GSM1_b.gz", "GSM1_m.gz", "genes.tsv.gz"]
    records = retrieve.retrieve(series(server), tmp_path / "d", wanted)
    assert [r["file"] for r in records] == ["GSE1_RAW.tar", *wanted]
    assert records[1]["sha256"] == hashlib.sha256(FILES["GSM1_b.gz"]).hexdigest()
    assert records[1]["url"] == "GSE1_RAW.tar:GSM1_b.gz"
    assert (tmp_path / "d/GSM1_m.gz").read_bytes() == FILES["GSM1_m.gz"]
    assert not (tmp_path / "d/GSM2_m.gz").exists()
    assert json.loads((tmp_path / "d/lock.json").read_text())["genes.tsv.gz"]["bytes"] == 24


def test_a_second_run_and_a_second_cohort_fetch_nothing(server, tmp_path):
    entries = series(server)
    first = retrieve.retrieve(entries, tmp_path / "d", ["GSM1_b.gz"])
    n = len(server.requests)
    kept = (tmp_path / "d/GSM1_b.gz").stat().st_mtime_ns
    assert retrieve.retrieve(entries, tmp_path / "d", ["GSM1_b.gz"]) == first
    retrieve.retrieve(entries, tmp_path / "d", ["GSM1_b.gz", "GSM2_b.gz"])
    assert (tmp_path / "d/GSM2_b.gz").read_bytes() == FILES["GSM2_b.gz"]
    assert (tmp_path / "d/GSM1_b.gz").stat().st_mtime_ns == kept
    assert len(server.requests) == n


def test_the_archive_may_be_deleted_once_taken_apart(server, tmp_path):
    entries = series(server)
    retrieve.retrieve(entries, tmp_path / "d", list(FILES))
    (tmp_path / "d/GSE1_RAW.tar").unlink()
    n = len(server.requests)
    retrieve.retrieve(entries, tmp_path / "d", list(FILES))
    assert len(server.requests) == n and not (tmp_path / "d/GSE1_RAW.tar").exists()
    (tmp_path / "d/GSM1_b.gz").write_bytes(b"damaged")
    retrieve.retrieve(entries, tmp_path / "d", list(FILES))
    assert (tmp_path / "d/GSM1_b.gz").read_bytes() == FILES["GSM1_b.gz"]


def test_a_file_that_changed_on_disk_or_at_its_source_is_refused(server, tmp_path):
    entries = series(server)
    retrieve.retrieve(entries, tmp_path / "d", [])
    (tmp_path / "d/genes.tsv.gz").write_bytes(b"edited")
    with pytest.raises(RetrievalError, match=r"genes.tsv.gz has changed since it was fetched"):
        retrieve.retrieve(entries, tmp_path / "d", [])
    (tmp_path / "d/genes.tsv.gz").unlink()
    offer(server, "genes.tsv.gz", gzip.compress(b"other genes"))
    with pytest.raises(
        RetrievalError, match=r"genes.tsv.gz could not be retrieved:\n.*has changed"
    ):
        retrieve.retrieve(entries, tmp_path / "d", [])


def test_archive_that_points_outside(server, tmp_path):
    offer(server, "evil.tar", archive({"GSM1_b.gz": b"x", "../evil": b"y"}))
    entries = [{"name": "evil.tar", "urls": [server.url("evil.tar")], "unpack": True}]
    with pytest.raises(RetrievalError, match=r"a member that points outside of it \(../evil\)"):
        retrieve.retrieve(entries, tmp_path / "d", ["GSM1_b.gz"])
    assert not (tmp_path / "evil").exists() and not (tmp_path / "d/GSM1_b.gz").exists()


def test_links_in_an_archive_are_not_followed(server, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("GSM1_b.gz")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    offer(server, "link.tar", buffer.getvalue())
    entries = [{"name": "link.tar", "urls": [server.url("link.tar")], "unpack": True}]
    with pytest.raises(RetrievalError, match=r"link.tar: GSM1_b.gz is a link"):
        retrieve.retrieve(entries, tmp_path / "d", ["GSM1_b.gz"])


def test_truncated_archive(server, tmp_path):
    whole = archive({"GSM1_b.gz": content(50_000), "GSM2_b.gz": content(50_000)})
    offer(server, "cut.tar", whole[:60_000])
    entries = [{"name": "cut.tar", "urls": [server.url("cut.tar")], "unpack": True}]
    with pytest.raises(RetrievalError, match=r"cut.tar is cut short or damaged"):
        retrieve.retrieve(entries, tmp_path / "d", ["GSM1_b.gz", "GSM2_b.gz"])


def test_files_of_the_sheet_that_the_archive_lacks(server, tmp_path):
    with pytest.raises(
        RetrievalError, match=r"1 files of the sample sheet are not in GSE1_RAW.tar"
    ):
        retrieve.retrieve(series(server), tmp_path / "d", ["GSM1_b.gz", "GSM9_b.gz"])


def test_all_faults_are_told_and_what_came_is_kept(server, tmp_path):
    entries = series(server)
    entries += [{"name": "gone.gz", "urls": [server.url("gone.gz")]}, {"name": "none.gz"}]
    with pytest.raises(RetrievalError) as caught:
        retrieve.retrieve(entries, tmp_path / "d", [])
    assert "gone.gz could not be retrieved" in str(caught.value)
    assert "none.gz: not found (no address is given). Fix: put the file at" in str(caught.value)
    assert (tmp_path / "d/genes.tsv.gz").is_file()
    lock = json.loads((tmp_path / "d/lock.json").read_text())
    assert set(lock) == {entry["name"] for entry in entries[:-2]}  # what came is known again
    assert lock["genes.tsv.gz"]["url"] == server.url("genes.tsv.gz")


def test_what_a_file_should_be_is_handed_on_and_the_lock_stands_in_for_a_hash(tmp_path):
    asked = []

    def fetch_one(urls, target, *, n_bytes, sha256):
        asked.append((urls, target.name, n_bytes, sha256))
        target.write_bytes(b"data")
        return {"url": urls[-1], "bytes": 4, "sha256": fetch.digest(target)}

    sha = hashlib.sha256(b"data").hexdigest()
    urls = ["https://a.org/x", "https://b.org/x"]
    entries = [{"name": "x", "urls": [*urls, str(tmp_path / "none")], "bytes": 4}]
    (record,) = retrieve.retrieve(entries, tmp_path / "d", ["x"], fetch_one)
    assert record == {"file": "x", "bytes": 4, "sha256": sha, "url": urls[1], "version": ""}
    (tmp_path / "d/x").unlink()
    retrieve.retrieve(entries, tmp_path / "d", ["x"], fetch_one)
    other = [entries[0] | {"sha256": "f" * 64}]
    (tmp_path / "d/x").unlink()
    retrieve.retrieve(other, tmp_path / "d", ["x"], fetch_one)
    assert asked == [(urls, "x", 4, None), (urls, "x", 4, sha), (urls, "x", 4, "f" * 64)]


def test_the_first_five_of_the_files_that_are_nowhere_are_named(tmp_path):
    archives = [{"name": "a.tar"}, {"name": "b.tar"}]
    six = retrieve._lost(list("uvwxyz"), archives, tmp_path)
    assert six.startswith(
        "6 files of the sample sheet are not in a.tar, b.tar: u, v, w, x, y and 1 more. Fix: "
    )
    five = retrieve._lost(list("uvwxy"), [], tmp_path)
    assert "5 files of the sample sheet are not in the files to retrieve: u, v, w, x, y. " in five


def test_a_local_copy_in_place_of_an_address(tmp_path):
    (tmp_path / "copy.tar").write_bytes(archive(FILES))
    entries = [{"name": "GSE1_RAW.tar", "urls": [str(tmp_path / "copy.tar")], "unpack": True}]
    retrieve.retrieve(entries, tmp_path / "d", ["GSM1_m.gz"])
    assert (tmp_path / "d/GSM1_m.gz").read_bytes() == FILES["GSM1_m.gz"]
    assert (tmp_path / "d/GSE1_RAW.tar").resolve() == tmp_path / "copy.tar"
    (tmp_path / "copy.tar").rename(tmp_path / "moved.tar")
    entries[0]["urls"] = [str(tmp_path / "moved.tar")]
    retrieve.retrieve(entries, tmp_path / "d", ["GSM1_m.gz", "GSM2_m.gz"])
    assert (tmp_path / "d/GSE1_RAW.tar").resolve() == tmp_path / "moved.tar"


def test_cellxgene_names_the_current_version(server, tmp_path):
    data = b"\x89HDF\r\n\x1a\n" + content(1000)
    offer(server, "v1.h5ad", data)
    about = "curation/collections/C/datasets/D"
    server.answers[about] = {
        "dataset_version_id": "v1",
        "assets": [
            {"filetype": "RDS", "filesize": 5, "url": server.url("v1.rds")},
            {"filetype": "H5AD", "filesize": len(data), "url": server.url("v1.h5ad")},
        ],
    }
    source = {"collection": "C", "dataset": "D", "api": server.url("curation")}
    entries = [{"name": "perez.h5ad", "cellxgene": source}]
    (record,) = retrieve.retrieve(entries, tmp_path / "d", ["perez.h5ad"])
    assert (record["version"], record["url"]) == ("v1", server.url("v1.h5ad"))
    server.answers[about]["dataset_version_id"] = "v2"
    (tmp_path / "d/perez.h5ad").unlink()
    assert retrieve.retrieve(entries, tmp_path / "d", ["perez.h5ad"]) == [record]
    lock = json.loads((tmp_path / "d/lock.json").read_text())
    lock["perez.h5ad"]["url"] = "https://evil.invalid/v1.h5ad"
    (tmp_path / "d/lock.json").write_text(json.dumps(lock))
    with pytest.raises(RetrievalError, match=r"came from https://evil.invalid/v1.h5ad"):
        retrieve.retrieve(entries, tmp_path / "d", ["perez.h5ad"])
    server.answers[about] = {"detail": "gone"}
    with pytest.raises(RetrievalError, match="does not name an h5ad of this dataset"):
        retrieve.retrieve(entries, tmp_path / "e", ["perez.h5ad"])


def test_what_others_may_have_put_there_is_not_said_to_be_the_archives(tmp_path, monkeypatch):
    (tmp_path / "copy.tar").write_bytes(archive(FILES))
    entries = [{"name": "GSE1_RAW.tar", "urls": [str(tmp_path / "copy.tar")], "unpack": True}]

    def urls(private):
        monkeypatch.setattr(retrieve.shared, "private", lambda _: private)
        found = retrieve.retrieve(entries, tmp_path / "d", ["GSM1_m.gz"])
        return {record["file"]: record["url"] for record in found}["GSM1_m.gz"]

    assert urls(private=False) == "GSE1_RAW.tar:GSM1_m.gz"  # just unpacked
    assert urls(private=True) == "GSE1_RAW.tar:GSM1_m.gz"
    assert urls(private=False) == str(tmp_path / "d/GSM1_m.gz")


def test_an_answer_of_a_service_that_says_it_failed_is_not_believed(monkeypatch):
    answer = requests.Response()
    answer.status_code, answer.url = 500, "https://a.org/x"
    about = {"assets": [{"filetype": "H5AD", "filesize": 5, "url": "https://a.org/y"}]}
    answer._content = json.dumps(about | {"dataset_version_id": "v1"}).encode()
    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: answer)
    source = {"collection": "C", "dataset": "D"}
    with pytest.raises(RetrievalError, match=r"does not name an h5ad .*\(HTTPError: 500 Server"):
        retrieve.resolve_cellxgene(source)
    answer.status_code = 200
    assert retrieve.resolve_cellxgene(source) == ("https://a.org/y", 5, "v1")


def test_nothing_is_asked_without_a_limit_of_patience(server, tmp_path, monkeypatch):
    data, asked, plain = b"\x89HDF\r\n\x1a\n" + content(1000), [], requests.Session.get
    offer(server, "v1.h5ad", data)
    asset = {"filetype": "H5AD", "filesize": len(data), "url": server.url("v1.h5ad")}
    server.answers["curation/collections/C/datasets/D"] = {
        "dataset_version_id": "v1", "assets": [asset],
    }  # fmt: skip

    def get_(self, url, **how):
        asked.append(how.get("timeout"))
        return plain(self, url, **how)

    monkeypatch.setattr(requests.Session, "get", get_)
    source = {"collection": "C", "dataset": "D", "api": server.url("curation")}
    entries = [{"name": "perez.h5ad", "cellxgene": source}]
    retrieve.retrieve(entries, tmp_path / "d", ["perez.h5ad"])
    assert len(asked) == 2 and set(asked) == {fetch.TIMEOUT}


def test_a_full_disk_is_told(server, tmp_path, monkeypatch):
    offer(server, "a.bin", content())

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch, "_write", full)
    with pytest.raises(RetrievalError, match=r"cannot be written \(No space left on device\)"):
        get(server, tmp_path / "a.bin", "a.bin")


def _hold(folder, ready, go):
    with retrieve._alone(folder):
        ready.set()
        go.wait(10)


def test_two_runs_do_not_fetch_into_one_folder_at_once(server, tmp_path):
    (tmp_path / "d").mkdir()
    fork = multiprocessing.get_context("fork")
    ready, go = fork.Event(), fork.Event()
    other = fork.Process(target=_hold, args=(tmp_path / "d", ready, go))
    other.start()
    assert ready.wait(10)
    second = fork.Process(target=retrieve.retrieve, args=(series(server), tmp_path / "d", []))
    second.start()
    time.sleep(0.3)
    assert server.requests == [] and second.is_alive()
    go.set()
    second.join(10)
    assert second.exitcode == 0 and (tmp_path / "d/genes.tsv.gz").is_file()
    other.join(10)
