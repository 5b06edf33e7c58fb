"""What becomes of each answer that a server may give to one request, and of what was there."""

import json

import pytest
from tilt.io import fetch

URL = "https://a.org/x"
WHOLE = b"0123456789"


class Answer:
    """An answer of requests; also the session that gives it."""

    def __init__(self, status=200, body=WHOLE, **headers):
        self.status_code, self.body, self.reason = status, body, "Because"
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}

    def get(self, url, headers, stream, timeout):
        self.asked = headers
        assert (url, stream) == (URL, True) and min(timeout) > 0
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def iter_content(self, size):
        assert size > 1000
        return iter([self.body[:3], self.body[3:]])


@pytest.fixture
def part(tmp_path):
    return tmp_path / ".x.part"


def had(part, data=b"0123", **notes):
    """A part of a former run; its notes."""
    part.write_bytes(data)
    found = {"url": URL, "validator": '"v1"'} | notes
    part.with_name(".x.part.json").write_text(json.dumps(found))


def noted(part):
    return json.loads(part.with_name(".x.part.json").read_text())


def go_on(answer, part, n_bytes=None):
    fetch._go_on(answer, URL, part, "x", n_bytes)


def test_a_first_request_asks_for_all(part):
    answer = Answer(ETag='"v1"', Content_Length="10")
    go_on(answer, part)
    assert answer.asked == {"Accept-Encoding": "identity"}
    assert part.read_bytes() == WHOLE
    assert noted(part) == {"url": URL, "validator": '"v1"'}


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"v"', "Last-Modified": "Mon"}, '"v"'),
        ({"ETag": 'W/"v"', "Last-Modified": "Mon"}, "Mon"),  # of a weak one no range is asked
        ({"ETag": 'W/"v"'}, ""),
        ({"Last-Modified": "Mon"}, "Mon"),
        ({}, ""),
    ],
)
def test_by_what_a_part_is_known_again(part, headers, validator):
    go_on(Answer(**headers), part)
    assert noted(part) == {"url": URL, "validator": validator}


def test_a_part_is_gone_on_with(part):
    had(part)
    answer = Answer(206, WHOLE[4:], Content_Range="bytes 4-9/10", Content_Length="6", ETag='"v1"')
    go_on(answer, part, 10)
    assert answer.asked["Range"] == "bytes=4-" and answer.asked["If-Range"] == '"v1"'
    assert part.read_bytes() == WHOLE


@pytest.mark.parametrize("notes", [{"url": "https://b.org/x"}, {"validator": ""}, {"url": None}])
def test_a_part_of_something_else_is_begun_anew(part, notes):
    had(part, b"abcd", **notes)
    answer = Answer(Content_Length="10")
    go_on(answer, part)
    assert "Range" not in answer.asked and part.read_bytes() == WHOLE


def test_notes_without_a_part_ask_for_all(part):
    had(part)
    part.unlink()
    answer = Answer(206, WHOLE, Content_Range="bytes 0-9/10")
    go_on(answer, part)
    assert "Range" not in answer.asked and part.read_bytes() == WHOLE


def test_a_server_that_gives_all_in_place_of_the_rest_is_believed(part):
    had(part, b"abcd")
    go_on(Answer(Content_Length="10"), part)
    assert part.read_bytes() == WHOLE


def test_a_part_that_is_whole_stays(part):
    had(part, WHOLE)
    go_on(Answer(416, b"", Content_Range="bytes */10"), part)
    assert part.read_bytes() == WHOLE


def test_a_part_that_is_too_long_is_dropped(part):
    had(part, WHOLE + b"x")
    with pytest.raises(fetch._Passing, match="longer than the file"):
        go_on(Answer(416, b"", Content_Range="bytes */10"), part)
    assert not part.exists()


@pytest.mark.parametrize("status", sorted(fetch.RETRY_STATUS))
def test_faults_of_the_server_may_pass(part, status):
    with pytest.raises(fetch._Passing, match=f"the server answers {status}") as caught:
        go_on(Answer(status, b"", **{"Retry-After": "7"}), part)
    assert caught.value.after == 7 and not part.exists()


@pytest.mark.parametrize(
    ("answer", "n_bytes", "said"),
    [
        (Answer(403), None, "the server answers 403 Because"),
        (Answer(Content_Type="Text/HTML; charset=x"), None, "a web page in place"),
        (Answer(206, Content_Range="bytes 5-9/10"), None, r"another part.*\(bytes 5-9/10\)"),
        (Answer(206), None, "another part than asked for"),
        (Answer(Content_Encoding="GZIP"), None, "packs what it sends"),
        (Answer(Content_Length="1e3"), None, "no sound length"),
        (Answer(Content_Length="10"), 11, "offers 10 bytes, 11 are expected"),
        (Answer(Content_Length="9"), None, "more than the 9 B that were announced"),
        (Answer(), 9, "more than the 9 B that were announced"),
    ],
)
def test_what_is_refused(part, answer, n_bytes, said):
    with pytest.raises(fetch.Refused, match=said):
        go_on(answer, part, n_bytes)


@pytest.mark.parametrize("encoding", ["identity", " Identity ", ""])
def test_an_encoding_that_is_none_is_fine(part, encoding):
    go_on(Answer(Content_Encoding=encoding, Content_Type="application/octet-stream"), part, 10)
    assert part.read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("headers", "n_bytes", "told"), [({"Content_Length": "11"}, None, "11"), ({}, 12, "12")]
)
def test_a_body_that_ends_early_may_be_gone_on_with(part, headers, n_bytes, told):
    with pytest.raises(fetch._Passing, match=f"dropped at 10 B of {told} B"):
        go_on(Answer(**headers), part, n_bytes)
    assert part.read_bytes() == WHOLE


def test_a_full_disk_is_seen_in_time(part, monkeypatch):
    free = fetch.KEPT_FREE + 9
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: type("Disk", (), {"free": free}))
    with pytest.raises(fetch.Refused, match="more than fits on the disk"):
        go_on(Answer(), part)
    free += 1
    go_on(Answer(), part)
    had(part)
    go_on(Answer(206, WHOLE[4:] + b"abcd", Content_Range="bytes 4-13/14"), part)
    assert len(part.read_bytes()) == 14
