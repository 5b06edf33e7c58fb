"""One file over HTTPS: resumed after a break, retried with back-off, checked, whole or not there.

requests does the talking; this module adds what no library of the lock does at once: resuming
(HTTP ranges, guarded by If-Range), several mirrors, and distrust of what arrives.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tilt.io import limits, shared
from tilt.io.shared import RetrievalError

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)
CHUNK = 1 << 20
PACKET = 1 << 16  # bytes asked of the connection at a time: what a break may cost
ATTEMPTS = 8
TIMEOUT = (20, 60)  # seconds to connect; seconds without a byte
WAIT = (1.0, 60.0)  # seconds before the first and, doubling, before the last attempt
REPORT_EVERY = 10.0  # seconds between two lines of progress
RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}
PLAIN = ("", "identity")  # encodings of an answer that leave the file as it is
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MAGIC = {".gz": b"\x1f\x8b", ".h5ad": b"\x89HDF", ".h5": b"\x89HDF", ".zip": b"PK"}
HTML = (b"<!doctype html", b"<html", b"<?xml")
KEPT_FREE = 200_000_000  # bytes of the disk that a file of unknown length leaves free
LENGTH = re.compile(r"\d{1,15}")


class Refused(Exception):
    """A mirror cannot give the file; another may."""


class _Passing(Exception):
    """A fault that may pass; ``after`` = seconds that the server asks to wait."""

    def __init__(self, text: str, after: float = 0.0):
        super().__init__(text)
        self.after = after


def fetch(
    urls: list[str],
    target: Path,
    *,
    n_bytes: int | None = None,
    sha256: str | None = None,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Fetch the first of ``urls`` that gives the file, to ``target``.

    ``n_bytes`` and ``sha256`` are checked where given. A part that is there already is resumed.
    ``target`` appears only when whole and checked. Returns ``{"url", "bytes", "sha256"}``. Raises
    RetrievalError when no address gives the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    if target.is_dir():
        raise RetrievalError(f"{target} is a folder. Fix: delete it, or name the file otherwise.")
    faults = []
    for url in urls:
        check_address(url)
        try:
            _download(url, part, target.name, n_bytes, attempts, sleep)
            digest = check_file(part, target.name, n_bytes, sha256)
            os.replace(part, target)
            _notes(part).unlink(missing_ok=True)
            log.info("%s: whole, %s", target.name, amount(target.stat().st_size))
            return {"url": url, "bytes": target.stat().st_size, "sha256": digest}
        except _Passing as fault:
            faults.append(f"{url}: {fault} ({attempts} attempts without progress; run again later)")
        except Refused as fault:
            part.unlink(missing_ok=True)
            _notes(part).unlink(missing_ok=True)
            faults.append(f"{url}: {fault}")
        log.warning("%s: %s", target.name, faults[-1])
    shown = "\n  ".join(faults)
    raise RetrievalError(
        f"{target.name} could not be retrieved:\n  {shown}\nFix: run again to go on where it "
        f"stopped, or put the file at {target} by hand."
    )


def check_address(url: str) -> None:
    """Raise RetrievalError unless ``url`` is https (http is for this machine itself only)."""
    wrong = address_fault(url)
    if wrong:
        raise RetrievalError(f"{url}: {wrong}. Fix: write https://...")


def address_fault(url: str) -> str:
    """Why nothing is fetched from an address, in words; empty for one that is fine."""
    try:
        parts = urlsplit(url)
        host, named, _ = parts.hostname, parts.username or parts.password, parts.port
    except ValueError as error:
        return f"no address ({error})"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        return "only https addresses are fetched"
    if not host or any(c.isspace() or not c.isprintable() for c in url):
        return "no address"
    if named:
        return "an address with a name or password, which would stand in the results"
    return ""


def new_session() -> "requests.Session":
    """A session of requests that is sent on to https alone."""
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = "tilt (single-cell workflow)"
    session.hooks["response"] = [_watch_redirect]
    return session


def _watch_redirect(answer: "requests.Response", *_: object, **__: object) -> None:
    """Refuse to be sent on to what is not fetched, before it is asked for anything."""
    if not answer.is_redirect:
        return
    onward = urljoin(answer.url, answer.headers["Location"])
    wrong = address_fault(onward)
    if not wrong and answer.url.startswith("https:") and not onward.startswith("https:"):
        wrong = "only https addresses are fetched"
    if wrong:
        raise Refused(f"the server sends on to {onward[:200]}: {wrong}")


def check_file(path: Path, name: str, n_bytes: int | None, sha256: str | None) -> str:
    """SHA-256 of a fetched file; raises Refused if it is not what it should be."""
    size = path.stat().st_size
    with open(path, "rb") as handle:
        head = handle.read(512)
    if size == 0:
        raise Refused("the file is empty")
    if head.lstrip()[:15].lower().startswith(HTML):
        raise Refused("the server sent a web page in place of the file")
    magic = MAGIC.get(Path(name).suffix)
    if magic and not head.startswith(magic):
        raise Refused(f"what the server sent is not a {Path(name).suffix} file")
    if Path(name).suffix == ".tar" and head[257:262] != b"ustar":
        raise Refused("what the server sent is not a .tar file")
    if n_bytes and size != n_bytes:
        raise Refused(f"{size} bytes came, {n_bytes} are expected")
    found = digest(path)
    if sha256 and found != sha256:
        raise Refused(f"the file has changed or is damaged: SHA-256 {found}, expected {sha256}")
    if Path(name).suffix == ".gz":
        _check_gzip(path, size)
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def amount(n_bytes: float) -> str:
    """Bytes in words: 12.2 GB."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.4g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.4g} GB"


def _check_gzip(path: Path, size: int) -> None:
    import gzip
    import zlib

    done, most = 0, limits.most_bytes(size)
    try:
        with gzip.open(path) as handle:
            while chunk := handle.read(CHUNK):
                done += len(chunk)
                if done > most:
                    raise Refused(f"{amount(size)} unpack to more than {amount(most)}: a bomb")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Refused("the compressed file is cut short or damaged") from error


def _notes(part: Path) -> Path:
    """File beside a part that says what it is a part of."""
    return part.with_name(f"{part.name}.json")


def _download(
    url: str,
    part: Path,
    name: str,
    n_bytes: int | None,
    attempts: int,
    sleep: Callable[[float], object],
) -> None:
    import requests

    failed, session = 0, new_session()
    while True:
        shared.refuse_planted(part)
        before = part.stat().st_size if part.exists() else 0
        try:
            return _go_on(session, url, part, name, n_bytes)
        except (requests.TooManyRedirects, ValueError) as error:  # also no address, no scheme
            raise Refused(f"the server sends on in a way that leads nowhere ({error})") from error
        except requests.RequestException as error:
            fault = _Passing(_plainly(error))
        except OSError as error:
            raise RetrievalError(
                f"{part.parent} cannot be written ({error.strerror}). Fix: free space or set "
                "`downloads` to another folder."
            ) from error
        except _Passing as error:
            fault = error
        after = part.stat().st_size if part.exists() else 0
        failed = 1 if after > before else failed + 1
        if failed >= attempts:
            raise fault
        wait = max(min(WAIT[0] * 2 ** (failed - 1), WAIT[1]), fault.after)
        log.info("%s: %s; again in %.0f s from %s", name, fault, wait, amount(after))
        sleep(wait)


def _plainly(error: Exception) -> str:
    kind = type(error).__name__
    return {
        "ConnectionError": "no connection, or it was dropped",
        "ChunkedEncodingError": "the connection was dropped",
        "ConnectTimeout": "no answer in time",
        "ReadTimeout": "no data in time",
    }.get(kind, f"{kind}: {error}")


def _go_on(
    session: "requests.Session", url: str, part: Path, name: str, n_bytes: int | None
) -> None:
    """One request, from where the part ends; returns when the part has every byte."""
    have = part.stat().st_size if shared.mine(part) else 0
    notes = _read_notes(part) if have else {}
    headers = {"Accept-Encoding": "identity"}
    if have and notes.get("url") == url and notes.get("validator"):
        headers |= {"Range": f"bytes={have}-", "If-Range": notes["validator"]}
    else:
        have = 0
    with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code in RETRY_STATUS:
            raise _Passing(f"the server answers {answer.status_code}", _retry_after(answer))
        offered = answer.headers.get("Content-Range", "")
        if answer.status_code == 416 and offered == f"bytes */{have}":
            return
        if answer.status_code == 416:
            part.unlink(missing_ok=True)
            raise _Passing("the part is longer than the file; starting anew")
        if answer.status_code not in (200, 206):
            raise Refused(f"the server answers {answer.status_code} {answer.reason}")
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind == "text/html":
            raise Refused("the server sent a web page in place of the file")
        if answer.status_code == 200:
            have = 0
        elif not offered.startswith(f"bytes {have}-"):
            raise Refused(f"the server sent another part than asked for ({offered})")
        if answer.headers.get("Content-Encoding", "identity").strip().lower() not in PLAIN:
            raise Refused("the server packs what it sends, which it was asked not to")
        length = answer.headers.get("Content-Length", "").strip()
        if length and not LENGTH.fullmatch(length):
            raise Refused(f"the server names no sound length (Content-Length: {length[:40]!r})")
        total = have + int(length) if length else n_bytes
        if n_bytes and total and total != n_bytes:
            raise Refused(f"the server offers {total} bytes, {n_bytes} are expected")
        etag = answer.headers.get("ETag", "")
        validator = answer.headers.get("Last-Modified", "") if etag[:2] in ("", "W/") else etag
        with shared.create(_notes(part)) as handle:
            handle.write(json.dumps({"url": url, "validator": validator}).encode())
        _write(answer, part, name, have, total)
    size = part.stat().st_size
    if total and size < total:
        raise _Passing(f"the connection was dropped at {amount(size)} of {amount(total)}")


def _read_notes(part: Path) -> dict:
    """Of what a part is a part; empty when that is not known."""
    try:
        notes = json.loads(shared.content(_notes(part), most=100_000))
    except (ValueError, RecursionError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _retry_after(answer: "requests.Response") -> float:
    value = answer.headers.get("Retry-After", "")
    return min(float(value), 600.0) if LENGTH.fullmatch(value) else 0.0


def _write(
    answer: "requests.Response", part: Path, name: str, have: int, total: int | None
) -> None:
    begun = told = time.monotonic()
    done = have
    most = total or have + max(shutil.disk_usage(part.parent).free - KEPT_FREE, 0)
    with shared.append(part) if have else shared.create(part) as handle:
        for chunk in answer.iter_content(PACKET):
            done += len(chunk)
            if done > most:
                about = f"the {amount(most)} that were announced" if total else "fits on the disk"
                raise Refused(f"the server sends more than {about}")
            handle.write(chunk)
            now = time.monotonic()
            if now - told >= REPORT_EVERY:
                told = now
                rate = (done - have) / (now - begun)
                share = f" of {amount(total)} ({done / total:.0%})" if total else ""
                log.info("%s: %s%s at %s/s", name, amount(done), share, amount(rate))
