"""The public files of a cohort: fetched once into a folder that runs share, and checked.

What is fetched is recorded in ``lock.json`` beside the files (size, SHA-256, address, version);
later runs verify against it, so that a file that changes at its source is noticed. In a folder
that others may write the record is theirs as much as ours: there an address is believed only with
the SHA-256 of the cohort file.
"""

import contextlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tilt.io import shared
from tilt.io.archive import unpack
from tilt.io.fetch import Refused, amount, digest, fetch
from tilt.io.shared import RetrievalError

log = logging.getLogger(__name__)
PARALLEL = 3  # files of a cohort at a time: what public archives bear
LOCK_BYTES = 50_000_000  # no lock is larger: some 200,000 files
CELLXGENE = "https://api.cellxgene.cziscience.com/curation/v1"
SHA256 = re.compile("[0-9a-f]{64}")


def retrieve(
    entries: list[dict], folder: Path, wanted: list[str], fetch_one: Callable[..., dict] = fetch
) -> list[dict[str, str | int]]:
    """Fetch the files of a cohort that are not in ``folder`` yet.

    ``entries`` are the cohort file's `retrieve` (name, urls or cellxgene, bytes, sha256, unpack);
    ``wanted`` the names of all files the cohort needs in ``folder``, by which members are taken
    out of archives. Returns one record a file: file, bytes, sha256, url, version. Raises
    RetrievalError, after all files were tried, with every fault.
    """
    for name in [*(entry["name"] for entry in entries), *wanted]:
        shared.check_name(name, folder)
    _made(folder)
    with _alone(folder):
        lock = read_lock(folder)
        archives = [entry for entry in entries if entry.get("unpack")]
        members = sorted(set(wanted) - {entry["name"] for entry in entries})
        there = [name for name in members if _unpacked(folder, name, lock, archives)]
        done = members and len(there) == len(members)  # then the archives are not needed
        todo = [entry for entry in entries if not (done and entry in archives)]
        faults, records = [], {}
        with ThreadPoolExecutor(PARALLEL) as pool:
            tasks = [pool.submit(_one, entry, folder, lock, fetch_one) for entry in todo]
            for entry, task in zip(todo, tasks, strict=True):
                try:
                    records[entry["name"]] = task.result()
                except RetrievalError as error:
                    faults.append(str(error))
        lock |= records
        _write_lock(folder, lock)
        if not faults and not done:
            for entry in archives:
                missing = [n for n in members if not _unpacked(folder, n, lock, archives)]
                lock |= unpack(folder / entry["name"], missing, folder) if missing else {}
            _write_lock(folder, lock)
            lost = [name for name in members if not (folder / name).is_file()]
            if lost:
                faults.append(_lost(lost, archives, folder))
            lock |= {n: _by_hand(folder / n) for n in members if n not in lock and n not in lost}
        if faults:
            raise RetrievalError("\n\n".join(faults))
    if not shared.private(folder):  # what others may have put there is not said to be the archive's
        lock |= {n: lock[n] | {"url": str(folder / n)} for n in there if n in lock}
    names = [entry["name"] for entry in entries if entry["name"] in lock]
    return [{"file": name, **lock[name]} for name in sorted({*names, *members})]


def _lost(lost: list[str], archives: list[dict], folder: Path) -> str:
    where = ", ".join(entry["name"] for entry in archives) or "the files to retrieve"
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    return (
        f"{len(lost)} files of the sample sheet are not in {where}: {', '.join(lost[:5])}{more}. "
        f"Fix: correct the sheet, or put the files into {folder}."
    )


def _made(folder: Path) -> None:
    """Make the folder of a cohort; a link in its place would lead the files elsewhere."""
    if folder.is_symlink():
        raise RetrievalError(
            f"{folder} is a link to {os.readlink(folder)}: nothing was fetched. Fix: set "
            "`downloads` to the place where files are to be, and let tilt make the folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RetrievalError(
            f"{folder} cannot be made ({error.strerror}). Fix: set `downloads` to a folder that "
            "you may write."
        ) from error


def _one(entry: dict, folder: Path, lock: dict, fetch_one: Callable[..., dict]) -> dict:
    """Record of one file of the cohort, fetched if it is not there."""
    name = entry["name"]
    target = folder / name
    known = lock.get(name, {})
    urls = list(entry.get("urls", []))
    expected = entry.get("sha256") or known.get("sha256")
    local = [Path(url).expanduser() for url in urls if "://" not in url]
    if target.is_file():
        found = digest(target)
        if expected and found != expected:
            raise RetrievalError(
                f"{target} has changed since it was fetched: SHA-256 {found}, expected {expected}. "
                "Fix: delete it to fetch it again."
            )
        _check_link(target, local, proven=bool(entry.get("sha256")))
        log.info("%s: already there, %s", name, amount(target.stat().st_size))
        return _as_found(entry, target, found, known)
    if target.exists():
        raise RetrievalError(f"{target} is no file. Fix: delete it to fetch the file.")
    n_bytes, version = entry.get("bytes"), ""
    if "cellxgene" in entry:
        if known.get("version") and _same_site(known["url"], entry["cellxgene"]):
            urls, n_bytes, version = [known["url"]], known["bytes"], known["version"]
        else:
            url, n_bytes, version = resolve_cellxgene(entry["cellxgene"])
            urls.insert(0, url)
    for source in local:
        if source.is_file():
            found = digest(source)
            if expected and found != expected:
                raise RetrievalError(
                    f"{source}: SHA-256 {found}, expected {expected}. Fix: name another copy "
                    "under `urls`, or take it out to fetch the file."
                )
            target.unlink(missing_ok=True)  # a link to a copy that has moved
            target.symlink_to(source.resolve())
            return _record(target, found, str(source), version)
    remote = [url for url in urls if "://" in url]
    if not remote:
        places = ", ".join(map(str, local)) or "no address is given"
        raise RetrievalError(f"{name}: not found ({places}). Fix: put the file at {target}.")
    done = fetch_one(remote, target, n_bytes=n_bytes, sha256=expected)
    return _record(target, done["sha256"], done["url"], version)


def _by_hand(target: Path) -> dict:
    """Record of a file of the sheet that the user has put there."""
    _check_link(target, [], proven=False)
    return _record(target, digest(target), str(target), "")


def _check_link(target: Path, local: list[Path], proven: bool) -> None:
    """Raise RetrievalError for a link that does not lead to a copy that the cohort file names."""
    if proven or not target.is_symlink():
        return
    if any(target.resolve() == source.resolve() for source in local):
        return
    raise RetrievalError(
        f"{target} is a link to {target.resolve()}, which the cohort file does not name. Fix: "
        "write that path under `urls`, or delete the link to fetch the file."
    )


def _as_found(entry: dict, target: Path, sha256: str, known: dict) -> dict:
    """Record of a file that is there already: its address only if that is more than a claim.

    Raises RetrievalError if the lock names an address that the cohort file does not.
    """
    url = known.get("url", "")
    if "://" in url and not entry.get("sha256"):
        named = url in entry.get("urls", ())
        if not named and not ("cellxgene" in entry and _same_site(url, entry["cellxgene"])):
            raise RetrievalError(
                f"{target.parent / 'lock.json'} says that {entry['name']} came from {url[:200]}, "
                "which the cohort file does not name. Fix: delete the file to fetch it again, or "
                "name that address under `urls` if it is right."
            )
    believed = entry.get("sha256") or shared.private(target.parent)
    if known and believed:
        return known
    if not entry.get("sha256"):
        log.warning(
            "%s was there already and the cohort file has no `sha256` of it: used as it is, its "
            "origin is not known. Fix: write sha256: %s if it is right, or delete it to fetch it",
            target,
            sha256,
        )
    return _record(target, sha256, str(target), "")


def _same_site(url: str, source: dict) -> bool:
    """Whether an address is of the organization that runs the service of a dataset."""
    try:
        hosts = [urlsplit(one).hostname or "" for one in (url, source.get("api", CELLXGENE))]
    except ValueError:
        return False
    return len({".".join(host.split(".")[-2:]) for host in hosts}) == 1


def _record(path: Path, sha256: str, url: str, version: str) -> dict:
    return {"bytes": path.stat().st_size, "sha256": sha256, "url": url, "version": version}


def resolve_cellxgene(source: dict) -> tuple[str, int, str]:
    """Address, size and version id of the current h5ad of a CELLxGENE dataset."""
    import requests

    from tilt.io.fetch import TIMEOUT, check_address, new_session

    api = source.get("api", CELLXGENE)
    address = f"{api}/collections/{source['collection']}/datasets/{source['dataset']}"
    check_address(address)
    try:
        answer = new_session().get(address, timeout=TIMEOUT)
        answer.raise_for_status()
        about = answer.json()
        asset = next(a for a in about["assets"] if a["filetype"] == "H5AD")
        return asset["url"], int(asset["filesize"]), about["dataset_version_id"]
    except Refused as error:
        raise RetrievalError(f"{address}: {error}. Fix: run again later.") from error
    except (requests.RequestException, ValueError, TypeError, LookupError, StopIteration) as error:
        raise RetrievalError(
            f"{address}: the service does not name an h5ad of this dataset "
            f"({type(error).__name__}: {error}). Fix: run again later, or fetch the h5ad by hand."
        ) from error


def _unpacked(folder: Path, name: str, lock: dict, archives: list[dict]) -> bool:
    """Whether a member is there as it came out of one of the archives, by the lock."""
    path, known = folder / name, lock.get(name)
    return (
        known is not None
        and known["url"] in [f"{entry['name']}:{name}" for entry in archives]
        and shared.planted(path) == ""
        and path.is_file()
        and path.stat().st_size == known["bytes"]
        and digest(path) == known["sha256"]
    )


def read_lock(folder: Path) -> dict[str, dict]:
    """What earlier runs recorded: name -> bytes, sha256, url, version.

    Raises RetrievalError for a file that holds anything else.
    """
    path = folder / "lock.json"
    text = shared.content(path, LOCK_BYTES)
    if not text and not path.exists():
        return {}
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is no JSON ({error})") from error
    if not isinstance(lock, dict):
        raise _damaged(path, "holds no names with records")
    for name, record in lock.items():
        wrong = _not_a_record(record)
        if wrong:
            raise _damaged(path, f"{name!a}: {wrong}")
    return lock


def _not_a_record(record: object) -> str:
    """What is wrong with an entry of the lock, in words; empty if it is sound."""
    if not isinstance(record, dict):
        return f"{json.dumps(record)[:60]} is no record"
    n_bytes, sha256 = record.get("bytes"), record.get("sha256")
    if type(n_bytes) is not int or n_bytes < 0:
        return f"bytes: {json.dumps(n_bytes)[:60]} is no size"
    if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
        return f"sha256: {json.dumps(sha256)[:80]} is no SHA-256"
    lost = [key for key in ("url", "version") if not isinstance(record.get(key), str)]
    return f"{lost[0]} is no text" if lost else ""


def _damaged(path: Path, wrong: str) -> RetrievalError:
    return RetrievalError(
        f"{path} is damaged or was changed: {wrong}. Fix: delete it; files that are there are then "
        "held to the cohort file alone."
    )


def _write_lock(folder: Path, lock: dict) -> None:
    part = folder / ".lock.json.part"
    with shared.create(part) as handle:
        handle.write((json.dumps(lock, indent=1, sort_keys=True) + "\n").encode())
    os.replace(part, folder / "lock.json")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other run fetches into the folder; released even if the process dies."""
    import fcntl

    with shared.lock_file(folder / ".in_use") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another run that fetches into %s", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            log.warning("%s: this file system has no locks; start one run at a time", folder)
        yield
