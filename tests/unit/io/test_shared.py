"""A download folder that others may write: nothing planted there is opened, written or believed."""

import fcntl
import hashlib
import json
import logging
import os
import threading

import loopback
import pytest
from tilt.io import retrieve, shared
from tilt.io.shared import RetrievalError

SHA = hashlib.sha256(b"hello").hexdigest()
EVIL = hashlib.sha256(b"evil").hexdigest()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "web").mkdir()
    (tmp_path / "web/x.bin").write_bytes(b"hello")
    with loopback.serve(tmp_path / "web") as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "d").mkdir(mode=0o755)
    return tmp_path / "d"


def fetched(server, folder, **more):
    entry = {"name": "x.bin", "urls": [server.url("x.bin")], **more}
    return retrieve.retrieve([entry], folder, [])


def link(path, victim):
    path.symlink_to(victim)


def hard_link(path, victim):
    path.hardlink_to(victim)


def pipe(path, _):
    os.mkfifo(path)


@pytest.mark.parametrize("name", [".x.bin.part", ".x.bin.part.json", ".in_use", ".lock.json.part"])
@pytest.mark.parametrize("plant", [link, hard_link, pipe])
def test_nothing_is_written_through_what_was_planted(server, folder, tmp_path, name, plant):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    plant(folder / name, victim)
    with pytest.raises(RetrievalError, match=f"{name} is .*Fix: "):
        fetched(server, folder)
    assert victim.read_text() == "precious"
    assert (folder / name).is_symlink() == (plant is link)


def test_a_lock_that_is_a_link_is_not_read(server, folder, tmp_path):
    (tmp_path / "own.json").write_text("{}")
    link(folder / "lock.json", tmp_path / "own.json")
    with pytest.raises(RetrievalError, match=r"lock.json is a link to .*own.json"):
        fetched(server, folder)
    assert (tmp_path / "own.json").read_text() == "{}"


def test_what_a_killed_run_left_is_no_attack(server, folder):
    (folder / ".lock.json.part").write_text("half")
    (folder / ".x.bin.part").write_text("he")
    (folder / ".x.bin.part.json").write_text("[]")
    (record,) = fetched(server, folder)
    assert record["sha256"] == SHA and json.loads((folder / "lock.json").read_text())
    assert server.requests == [("x.bin", None)], "a part of nobody knows what was gone on with"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "holds no names with records"),
        ('{"x.bin": null}', "'x.bin': null is no record"),
        ('{"x.bin": {}}', "bytes: null is no size"),
        ('{"x.bin": {"bytes": true}}', "bytes: true is no size"),
        ('{"x.bin": {"bytes": 5, "sha256": "00"}}', 'sha256: "00" is no SHA-256'),
        (f'{{"x.bin": {{"bytes": 5, "sha256": "{SHA}", "version": ""}}}}', "url is no text"),
    ],
)
def test_a_damaged_lock_is_told(server, folder, text, said):
    (folder / "lock.json").write_text(text)
    with pytest.raises(RetrievalError) as caught:
        fetched(server, folder)
    assert said in str(caught.value) and "Fix: delete it" in str(caught.value)
    assert (folder / "lock.json").read_text() == text and server.requests == []


def planted_file(folder, url):
    (folder / "x.bin").write_bytes(b"evil")
    record = {"bytes": 4, "sha256": EVIL, "url": url, "version": ""}
    (folder / "lock.json").write_text(json.dumps({"x.bin": record}))


def test_a_lock_with_an_address_that_the_cohort_file_does_not_name(server, folder):
    planted_file(folder, "https://official.example/x.bin")
    with pytest.raises(RetrievalError, match="which the cohort file does not name"):
        fetched(server, folder)


def test_where_others_write_an_address_is_no_proof(server, folder, caplog):
    planted_file(folder, server.url("x.bin"))
    (record,) = fetched(server, folder)
    assert record["url"] == server.url("x.bin"), "in a folder of one's own the lock is believed"
    folder.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        (record,) = fetched(server, folder)
    assert record["url"] == str(folder / "x.bin")
    assert f"sha256: {EVIL}" in caplog.text and "its origin is not known" in caplog.text
    with pytest.raises(RetrievalError, match=f"SHA-256 {EVIL}, expected {SHA}"):
        fetched(server, folder, sha256=SHA)


def test_a_file_that_is_a_link(server, folder, tmp_path):
    (tmp_path / "secret").write_bytes(b"hello")
    link(folder / "x.bin", tmp_path / "secret")
    with pytest.raises(RetrievalError, match=r"is a link to .*secret, which the cohort file"):
        fetched(server, folder)
    (record,) = fetched(server, folder, sha256=SHA)
    assert record["url"] == str(folder / "x.bin")
    entry = {"name": "x.bin", "urls": [str(tmp_path / "secret")]}
    assert retrieve.retrieve([entry], folder, [])[0]["sha256"] == SHA


def test_a_folder_that_is_a_link(server, folder, tmp_path):
    link(tmp_path / "linked", folder)
    with pytest.raises(RetrievalError, match=r"linked is a link to .*nothing was fetched"):
        fetched(server, tmp_path / "linked")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["lock.json", "LOCK.json", ".in_use", "../x", "/etc/x", "a\\x", "a\n", "", ".", "s/.x"]
)
def test_names_that_are_tilts_own_or_lead_out(server, folder, name):
    for entries, wanted in ([{"name": name, "urls": [server.url("x.bin")]}], []), ([], [name]):
        with pytest.raises(RetrievalError, match="Fix: give the file another name"):
            retrieve.retrieve(entries, folder, wanted)
    assert list(folder.iterdir()) == []


def test_a_file_put_there_by_hand(server, folder):
    (folder / "own.bin").write_bytes(b"hello")
    entry = {"name": "x.bin", "urls": [server.url("x.bin")]}
    own = retrieve.retrieve([entry], folder, ["own.bin", "x.bin"])[0]
    assert own == {"file": "own.bin", "bytes": 5, "sha256": SHA, "version": "",
                   "url": str(folder / "own.bin")}  # fmt: skip


def test_a_folder_of_ones_own(tmp_path):
    for mode, own in ((0o755, True), (0o700, True), (0o757, False), (0o1777, False)):
        (tmp_path / "f").mkdir(exist_ok=True)
        (tmp_path / "f").chmod(mode)
        assert shared.private(tmp_path / "f") == own, oct(mode)


@pytest.mark.parametrize("way", [shared.create, shared.append, shared.lock_file])
@pytest.mark.parametrize("plant", [link, pipe])
def test_what_comes_just_after_the_look_is_refused_all_the_same(tmp_path, monkeypatch, plant, way):
    (tmp_path / "victim").write_text("precious")
    looks = []
    look = shared.refuse_planted

    def too_early(path):
        looks.append(path)
        if len(looks) == 1:
            return plant(path, tmp_path / "victim")
        return look(path)

    monkeypatch.setattr(shared, "refuse_planted", too_early)
    monkeypatch.setattr(shared.Path, "unlink", lambda *_, **__: None)  # it comes after that, too
    with pytest.raises(RetrievalError, match="was written"):
        way(tmp_path / "own")
    assert (tmp_path / "victim").read_text() == "precious"


def test_own_files_are_opened_for_one_use_and_no_child(tmp_path):
    path = tmp_path / "own"
    path.write_bytes(b"old")
    with shared.append(path) as handle:
        assert fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_APPEND
        assert not os.get_inheritable(handle.fileno())
        with open(path, "ab") as other:
            other.write(b"+")
        handle.write(b"new")
    assert path.read_bytes() == b"old+new"
    with shared.create(path) as handle:
        assert not os.get_inheritable(handle.fileno())
        handle.write(b"anew")
    assert path.read_bytes() == b"anew"
    with shared.lock_file(path) as handle:
        assert not os.get_inheritable(handle.fileno())
        assert fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    assert path.read_bytes() == b"anew"
    assert shared.content(path, 4) == b"anew" and shared.content(tmp_path / "none", 4) == b""
    with pytest.raises(RetrievalError, match="more than 3 bytes"):
        shared.content(path, 3)


def test_another_name_of_a_file_is_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    hard_link(tmp_path / "own", tmp_path / "secret")
    with pytest.raises(RetrievalError, match="a hard link"):
        shared.content(tmp_path / "own", 100)


def test_a_second_run_waits_for_the_first(tmp_path):
    entered = threading.Event()

    def second():
        with retrieve._alone(tmp_path):
            entered.set()

    waiting = threading.Thread(target=second)
    with retrieve._alone(tmp_path):
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(20)
    assert entered.is_set()


def test_what_lies_in_the_way_in_words(tmp_path):
    path = tmp_path / "x"
    assert shared.planted(path) == ""
    path.write_bytes(b"")
    assert shared.planted(path) == ""
    (tmp_path / "y").hardlink_to(path)
    assert shared.planted(path) == "another name of a file elsewhere (a hard link)"
    (tmp_path / "link").symlink_to(path)
    assert shared.planted(tmp_path / "link") == f"a link to {path}"
    (tmp_path / "folder").mkdir()
    assert shared.planted(tmp_path / "folder") == "a folder"
    os.mkfifo(tmp_path / "pipe")
    assert shared.planted(tmp_path / "pipe") == "a pipe or a device"
