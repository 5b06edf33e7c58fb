"""Servers that send elsewhere, lie about lengths or never end: refused before harm is done."""

import loopback
import pytest
from loopback import content, get, offer
from tilt.io import fetch
from tilt.io.fetch import RetrievalError


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2")
    (tmp_path / "web").mkdir()
    with loopback.serve(tmp_path / "web") as running:
        yield running


@pytest.mark.parametrize(
    ("onward", "said"),
    [
        ("http://127.0.0.2:1/a", "sends on to http://127.0.0.2:1/a: only https addresses"),
        ("file:///etc/passwd", "sends on to file:///etc/passwd: only https addresses"),
        ("ftp://127.0.0.1/x", "sends on to ftp://127.0.0.1/x: only https addresses"),
        ("https://me:pw@127.0.0.1/x", "a name or password"),
        ("http://[::1", "leads nowhere"),
        ("a.bin", "Exceeded 30 redirects"),
    ],
)
def test_a_server_that_sends_elsewhere(server, tmp_path, onward, said):
    offer(server, "good.bin", content())
    server.redirects["a.bin"] = onward
    with pytest.raises(RetrievalError) as caught:
        get(server, tmp_path / "a.bin", "a.bin")
    assert said in str(caught.value) and "Fix: " in str(caught.value)
    result, waits = get(server, tmp_path / "a.bin", "a.bin", "good.bin")
    assert result["url"] == server.url("good.bin") and waits == [], "the mirror is asked at once"


def test_a_hop_in_the_middle_is_not_asked(server, tmp_path):
    """The last address is fine again: only a look at each hop, before it is asked, finds it."""
    offer(server, "good.bin", content())
    with loopback.serve(server.folder, "127.0.0.2") as other:
        other.redirects["hop"] = server.url("good.bin")
        server.redirects["a.bin"] = f"http://127.0.0.2:{other.port}/hop"
        with pytest.raises(RetrievalError, match="only https addresses are fetched"):
            get(server, tmp_path / "a.bin", "a.bin")
        assert other.requests == []
    server.redirects["a.bin"] = "/good.bin"
    assert get(server, tmp_path / "a.bin", "a.bin")[0]["bytes"] == 200_000


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Length": "abc"}, "no sound length (Content-Length: 'abc')"),
        ({"Content-Length": "-5"}, "no sound length (Content-Length: '-5')"),
        ({"Content-Length": "1" * 30}, "no sound length"),
        ({"Content-Encoding": "gzip"}, "packs what it sends"),
    ],
)
def test_odd_headers(server, tmp_path, headers, said):
    offer(server, "a.bin", content())
    server.headers["a.bin"] = headers
    with pytest.raises(RetrievalError) as caught:
        get(server, tmp_path / "out" / "a.bin", "a.bin")
    assert said in str(caught.value) and list((tmp_path / "out").iterdir()) == []


def test_a_stream_without_an_end(server, tmp_path, monkeypatch):
    offer(server, "a.bin", content())
    server.headers["a.bin"] = {"Content-Length": None}
    assert get(server, tmp_path / "a.bin", "a.bin")[0]["bytes"] == 200_000
    with pytest.raises(RetrievalError, match="sends more than the 100 kB that were announced"):
        get(server, tmp_path / "b.bin", "a.bin", n_bytes=100_000)
    monkeypatch.setattr(fetch, "KEPT_FREE", 1 << 60)
    with pytest.raises(RetrievalError, match="sends more than fits on the disk"):
        get(server, tmp_path / "c.bin", "a.bin")
    assert [p.name for p in tmp_path.iterdir() if "bin" in p.name] == ["a.bin"]
