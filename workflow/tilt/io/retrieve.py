"""The public files of a cohort: fetched once into a folder that runs share, and checked.

What is fetched is recorded in ``lock.json`` beside the files (size, SHA-256, address, version);
later runs verify against it, so that a file that changes at its source is noticed.
"""

import contextlib
import json
import logging
import os
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from tilt.io.fetch import CHUNK, RetrievalError, amount, digest, fetch

log = logging.getLogger(__name__)
PARALLEL = 3  # files of a cohort at a time: what public archives bear


def retrieve(
    entries: list[dict], folder: Path, wanted: list[str], fetch_one: Callable[..., dict] = fetch
) -> list[dict[str, str | int]]:
    """Fetch the files of a cohort that are not in ``folder`` yet.

    ``entries`` are the cohort file's `retrieve` (name, urls or cellxgene, bytes, sha256, unpack);
    ``wanted`` the names of all files the cohort needs in ``folder``, by which members are taken
    out of archives. Returns one record a file: file, bytes, sha256, url, version. Raises
    RetrievalError, after all files were tried, with every fault.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        lock = read_lock(folder)
        archives = [entry for entry in entries if entry.get("unpack")]
        members = sorted(set(wanted) - {entry["name"] for entry in entries})
        todo = [e for e in entries if not (e in archives and _unpacked(folder, members, lock))]
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
        if not faults and members:
            for entry in archives:
                missing = [name for name in members if not _unpacked(folder, [name], lock)]
                if missing:
                    lock |= unpack(folder / entry["name"], missing, folder)
            _write_lock(folder, lock)
            lost = [name for name in members if not (folder / name).is_file()]
            if lost:
                faults.append(_lost(lost, archives, folder))
        if faults:
            raise RetrievalError("\n\n".join(faults))
    names = [entry["name"] for entry in entries if entry["name"] in lock]
    return [{"file": name, **lock[name]} for name in sorted({*names, *members})]


def _lost(lost: list[str], archives: list[dict], folder: Path) -> str:
    where = ", ".join(entry["name"] for entry in archives) or "the files to retrieve"
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    return (
        f"{len(lost)} files of the sample sheet are not in {where}: {', '.join(lost[:5])}{more}. "
        f"Fix: correct the sheet, or put the files into {folder}."
    )


def _one(entry: dict, folder: Path, lock: dict, fetch_one: Callable[..., dict]) -> dict:
    """Record of one file of the cohort, fetched if it is not there."""
    name = entry["name"]
    target = folder / name
    known = lock.get(name, {})
    expected = entry.get("sha256") or known.get("sha256")
    if target.is_file():
        found = digest(target)
        if expected and found != expected:
            raise RetrievalError(
                f"{target} has changed since it was fetched: SHA-256 {found}, expected {expected}. "
                "Fix: delete it to fetch it again."
            )
        log.info("%s: already there, %s", name, amount(target.stat().st_size))
        return known or _record(target, found, str(target), "")
    urls, n_bytes, version = list(entry.get("urls", [])), entry.get("bytes"), ""
    if "cellxgene" in entry:
        if known.get("url"):
            urls, n_bytes, version = [known["url"]], known["bytes"], known["version"]
        else:
            url, n_bytes, version = resolve_cellxgene(entry["cellxgene"])
            urls.insert(0, url)
    local = [Path(url).expanduser() for url in urls if "://" not in url]
    for source in local:
        if source.is_file():
            found = digest(source)
            if expected and found != expected:
                raise RetrievalError(f"{source}: SHA-256 {found}, expected {expected}")
            target.unlink(missing_ok=True)  # a link to a copy that has moved
            target.symlink_to(source.resolve())
            return _record(target, found, str(source), version)
    remote = [url for url in urls if "://" in url]
    if not remote:
        places = ", ".join(map(str, local)) or "no address is given"
        raise RetrievalError(f"{name}: not found ({places}). Fix: put the file at {target}.")
    done = fetch_one(remote, target, n_bytes=n_bytes, sha256=expected)
    return _record(target, done["sha256"], done["url"], version)


def _record(path: Path, sha256: str, url: str, version: str) -> dict:
    return {"bytes": path.stat().st_size, "sha256": sha256, "url": url, "version": version}


def resolve_cellxgene(source: dict) -> tuple[str, int, str]:
    """Address, size and version id of the current h5ad of a CELLxGENE dataset."""
    import requests

    from tilt.io.fetch import TIMEOUT, check_address

    api = source.get("api", "https://api.cellxgene.cziscience.com/curation/v1")
    address = f"{api}/collections/{source['collection']}/datasets/{source['dataset']}"
    check_address(address)
    try:
        answer = requests.get(address, timeout=TIMEOUT)
        answer.raise_for_status()
        about = answer.json()
        asset = next(a for a in about["assets"] if a["filetype"] == "H5AD")
        return asset["url"], int(asset["filesize"]), about["dataset_version_id"]
    except (requests.RequestException, ValueError, KeyError, StopIteration) as error:
        raise RetrievalError(
            f"{address}: the service does not name an h5ad of this dataset "
            f"({type(error).__name__}: {error}). Fix: run again later, or fetch the h5ad by hand."
        ) from error


def unpack(archive: Path, wanted: list[str], folder: Path) -> dict[str, dict]:
    """Take the wanted members out of a tar archive, one by one, each whole or not at all.

    Members are known by the last part of their name. Returns name -> record. An archive with
    members that point outside (absolute names, ``..``) raises RetrievalError before anything is
    written.
    """
    import hashlib

    records, missing = {}, set(wanted)
    try:
        with tarfile.open(archive, "r:") as tar:
            members = tar.getmembers()
            for member in members:
                parts = PurePosixPath(member.name).parts
                if member.name.startswith("/") or ".." in parts:
                    raise RetrievalError(
                        f"{archive} holds a member that points outside of it ({member.name}): "
                        "nothing of it was used. Fix: delete it and fetch it from another mirror."
                    )
            for member in members:
                name = PurePosixPath(member.name).name
                if name not in missing or not member.isfile():
                    continue
                missing.discard(name)
                target = folder / name
                part = target.with_name(f".{name}.part")
                sha = hashlib.sha256()
                source = tar.extractfile(member)
                assert source is not None  # it is a file
                with source, open(part, "wb") as sink:
                    while chunk := source.read(CHUNK):
                        sha.update(chunk)
                        sink.write(chunk)
                os.replace(part, target)
                records[name] = _record(target, sha.hexdigest(), f"{archive.name}:{name}", "")
    except (tarfile.TarError, EOFError) as error:
        raise RetrievalError(
            f"{archive} is cut short or damaged ({error}). Fix: delete it to fetch it again."
        ) from error
    log.info("%s: %d files taken out", archive.name, len(records))
    return records


def _unpacked(folder: Path, members: list[str], lock: dict) -> bool:
    """Whether every member is there as the lock says; then the archive is not needed."""
    return bool(members) and all(
        name in lock
        and (folder / name).is_file()
        and (folder / name).stat().st_size == lock[name]["bytes"]
        and digest(folder / name) == lock[name]["sha256"]
        for name in members
    )


def read_lock(folder: Path) -> dict[str, dict]:
    """What earlier runs recorded: name -> bytes, sha256, url, version."""
    path = folder / "lock.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_lock(folder: Path, lock: dict) -> None:
    part = folder / ".lock.json.part"
    part.write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")
    os.replace(part, folder / "lock.json")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other run fetches into the folder; released even if the process dies."""
    import fcntl

    with open(folder / ".in_use", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another run that fetches into %s", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            log.warning("%s: this file system has no locks; start one run at a time", folder)
        yield
