"""Archives that lie about themselves: refused with the reason, nothing of them written."""

import hashlib
import io
import tarfile

import pytest
from tilt.io.archive import unpack
from tilt.io.shared import RetrievalError


def add(tar, name, data=b"x", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


def sparse(size):
    """Headers of a file with holes: a few bytes that stand for ``size``."""
    about = {"major": "1", "minor": "0", "name": "x", "realsize": str(size)}
    return {"pax_headers": {f"GNU.sparse.{key}": value for key, value in about.items()}}


@pytest.fixture
def archive(tmp_path):
    def build(*members, mode="w"):
        with tarfile.open(tmp_path / "a.tar", mode, format=tarfile.PAX_FORMAT) as tar:
            for name, data, more in members:
                add(tar, name, data, **more)
        return tmp_path / "a.tar"

    return build


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (("../x", b"x", {}), "points outside of it (../x)"),
        (("/tmp/x", b"x", {}), "points outside of it (/tmp/x)"),
        (("a\\x", b"x", {}), "points outside of it (a\\\\x)"),
        (("x", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}), "x is a link"),
        (("s/x", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}), "x is a link"),
        (("x", b"", {"type": tarfile.CHRTYPE}), "x is a device"),
        (("x", b"", {"type": tarfile.FIFOTYPE}), "x is a pipe"),
        (("x", b"", {"type": tarfile.DIRTYPE}), "x is a folder"),
        (("x", b"0\n" + bytes(510), sparse(3 * 10**9)), "x is a file with holes"),
        (("x", b"", {"pax_headers": {"GNU.sparse.map": ""}}), "is cut short or damaged"),
        (("x", b"", {"pax_headers": {"size": str(10**12)}}), "is cut short or damaged"),
        (("x", b"", {"pax_headers": {"size": "-512"}}), "is cut short or damaged"),
    ],
)
def test_refused_before_anything_is_written(archive, tmp_path, member, said):
    path = archive(member, ("y", b"fine", {}))
    with pytest.raises(RetrievalError) as caught:
        unpack(path, ["x", "y"], tmp_path)
    assert said in str(caught.value) and "Fix: " in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"]


def test_a_compressed_archive_is_named_so(archive, tmp_path):
    path = archive(("x", b"x", {}), mode="w:gz")
    with pytest.raises(RetrievalError, match=r"is compressed.*Fix: unpack it with gunzip"):
        unpack(path, ["x"], tmp_path)


def test_a_name_that_two_members_could_be_is_asked_about(archive, tmp_path):
    path = archive(("s1/x", b"first", {}), ("s2/x", b"second", {}), ("z", b"", {}))
    with pytest.raises(RetrievalError, match=r"x could be s1/x, s2/x. Fix: write the folder"):
        unpack(path, ["x"], tmp_path)
    records = unpack(path, ["s2/x", "z", "none"], tmp_path)
    assert (tmp_path / "s2/x").read_bytes() == b"second"
    assert records["s2/x"] == {
        "bytes": 6,
        "sha256": hashlib.sha256(b"second").hexdigest(),
        "url": "a.tar:s2/x",
        "version": "",
    }
    assert set(records) == {"s2/x", "z"}


def test_a_member_in_a_folder_is_found_by_its_own_name(archive, tmp_path):
    path = archive(("GSE1/x", b"deep", {}), ("GSE1/xx", b"other", {}))
    unpack(path, ["x"], tmp_path)
    assert (tmp_path / "x").read_bytes() == b"deep"


def test_a_planted_folder_is_not_gone_through(archive, tmp_path):
    path = archive(("sub/x", b"x", {}))
    (tmp_path / "home").mkdir()
    (tmp_path / "sub").symlink_to(tmp_path / "home")
    with pytest.raises(RetrievalError, match=r"sub is a link to .*home"):
        unpack(path, ["sub/x"], tmp_path)
    assert list((tmp_path / "home").iterdir()) == []


def test_a_member_of_just_that_name_is_taken_before_those_in_folders(archive, tmp_path):
    path = archive(("s/x", b"inner", {}), ("x", b"outer", {}), ("t/x", b"other", {}))
    unpack(path, ["x"], tmp_path / "out")
    assert (tmp_path / "out/x").read_bytes() == b"outer"
