"""A stream that may give so many bytes and no more, wherever it is read from."""

import io

import pytest
from tilt.io import limits


def stream(tmp_path, data: bytes, size: int = 10) -> limits.Bounded:
    """``data``, said to be the inside of a file of ``size`` bytes."""
    (tmp_path / "packed").write_bytes(bytes(size))
    return limits.Bounded(io.BytesIO(data), tmp_path / "packed")


def test_sixteen_mebibytes_are_free_and_a_file_may_hold_three_hundred_times_its_size():
    assert limits.most_bytes(0) == 16 * 1024 * 1024
    assert limits.most_bytes(1000) == 16 * 1024 * 1024 + 300_000


@pytest.mark.parametrize(("over", "fine"), [(0, True), (1, False)])
def test_the_last_byte_that_is_allowed_is_given(tmp_path, monkeypatch, over, fine):
    monkeypatch.setattr(limits, "FREE", 7)  # and 300 times 10 bytes
    whole = stream(tmp_path, b"x" * (3007 + over))
    if fine:
        assert len(io.BufferedReader(whole, 64).read()) == 3007
    else:
        with pytest.raises(limits.Bomb, match="10 bytes unpack to more than 3,007"):
            io.BufferedReader(whole, 64).read()


def test_what_is_read_again_is_counted_once(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FREE", 0)
    data = bytes(range(250)) * 12  # 3,000 bytes: all that ten may hold
    whole = stream(tmp_path, data)
    for _ in range(3):
        assert whole.seek(0) == 0
        assert whole.read() == data and whole.tell() == 3000
    longer = stream(tmp_path, data + b"x")
    assert longer.seek(3000) == 3000  # what is passed over counts, too
    with pytest.raises(limits.Bomb):
        longer.read(1)


def test_places_are_from_the_start_from_here_or_from_the_end(tmp_path):
    whole = stream(tmp_path, b"0123456789")
    assert whole.readable() and whole.seekable()
    assert whole.read(3) == b"012" and whole.tell() == 3
    assert whole.seek(2, io.SEEK_CUR) == 5 and whole.read(1) == b"5"
    assert whole.seek(-4, io.SEEK_CUR) == 2 and whole.read(1) == b"2"
    assert whole.seek(-9, io.SEEK_CUR) == 0 and whole.read(2) == b"01"  # never before the start
    assert whole.seek(-3) == 0
    assert whole.seek(0, io.SEEK_END) == 10 and whole.read() == b""
    assert whole.seek(-2, io.SEEK_END) == 8 and whole.read() == b"89"
    assert whole.seek(-11, io.SEEK_END) == 0
    assert whole.seek(7) == 7 and whole.read() == b"789"
    filled = bytearray(b"....")
    whole.seek(8)
    assert whole.readinto(filled) == 2 and filled == b"89.."


def test_closing_closes_the_file_beneath_and_twice_is_fine(tmp_path):
    whole = stream(tmp_path, b"x")
    whole.close()
    whole.close()
    assert whole.closed and whole.source.closed
