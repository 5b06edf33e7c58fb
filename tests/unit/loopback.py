"""A small web server on this machine that misbehaves as told."""

import contextlib
import hashlib
import http.server
import json
import threading
from pathlib import Path

import numpy as np
from tilt.io import fetch


class Server:
    """Serves the files of a folder with ranges; ``faults`` = path -> list of faults, used up."""

    def __init__(self, folder: Path):
        self.folder, self.faults, self.requests = folder, {}, []
        self.answers: dict[str, dict] = {}
        self.redirects: dict[str, str] = {}
        self.headers: dict[str, dict] = {}  # path -> headers in place of the right ones

    def fault(self, path: str, *kinds: str) -> None:
        """The next answers for ``path``: drop, 503, 404, html, cut, slow, changed."""
        self.faults.setdefault(path, []).extend(kinds)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def serve(folder: Path, host: str = "127.0.0.1"):
    """A running Server of ``folder``."""
    state = Server(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            name = self.path.lstrip("/")
            state.requests.append((name, self.headers.get("Range")))
            kinds = state.faults.get(name, [])
            kind = kinds.pop(0) if kinds else ""
            if name in state.redirects:
                return self.send(302, b"", "text/plain", {"Location": state.redirects[name]})
            if name in state.answers:
                return self.send(200, json.dumps(state.answers[name]).encode(), "application/json")
            if kind in ("503", "404"):
                return self.send(int(kind), b"no", "text/plain", {"Retry-After": "0"})
            if kind == "html":
                return self.send(200, b"<!DOCTYPE html><html>busy</html>", "text/html")
            if kind == "html_as_data":
                return self.send(200, b"<html>busy</html>", "application/octet-stream")
            path = state.folder / name
            if not path.is_file():
                return self.send(404, b"no", "text/plain")
            data, tag = path.read_bytes(), f'"{path.stat().st_mtime_ns}"'
            first = 0
            if self.headers.get("Range") and self.headers.get("If-Range") == tag:
                first = int(self.headers["Range"].split("=")[1].rstrip("-"))
            more = {"ETag": tag}
            if first >= len(data) and first:
                return self.send(416, b"", "text/plain", {"Content-Range": f"bytes */{len(data)}"})
            if first:
                more["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            body = data[first:]
            if kind == "cut":
                body = body[: len(body) // 2]
            sent = body[: max(len(body) // 2, 1)] if kind == "drop" else body
            self.send(206 if first else 200, body, "application/octet-stream", more, sent)
            if kind == "drop":
                self.close_connection = True
                self.connection.close()

        def send(self, status, body, kind, more=None, sent=None):
            self.send_response(status)
            headers = {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}
            odd = state.headers.get(self.path.lstrip("/"), {})
            self.close_connection = self.close_connection or bool(odd)
            for key, value in (headers | odd).items():
                if value is not None:
                    self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body if sent is None else sent)
            self.wfile.flush()

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """Connections that break are what the tests are about."""

    server = Quiet((host, 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def content(n: int = 200_000, seed: int = 0) -> bytes:
    """Bytes of a file to fetch."""
    return np.random.default_rng(seed).bytes(n)


def offer(server: Server, name: str, data: bytes) -> str:
    """Put a file on the server; its sha256."""
    (server.folder / name).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def get(server: Server, target: Path, *names: str, **options):
    """Fetch the file ``target`` from the addresses of ``names``; the record, and the waits."""
    waits = []
    result = fetch.fetch([server.url(n) for n in names], target, sleep=waits.append, **options)
    return result, waits
