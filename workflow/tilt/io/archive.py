"""Members of a tar archive, taken out one by one, each whole or not at all.

The archive is somebody else's: what it says of itself is checked against what it is.
"""

import hashlib
import logging
import os
import tarfile
from pathlib import Path, PurePosixPath

from tilt.core.text import few
from tilt.io import shared
from tilt.io.fetch import CHUNK
from tilt.io.shared import RetrievalError

log = logging.getLogger(__name__)
KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
}
# What tarfile raises for headers that are nonsense.
BROKEN = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, MemoryError)


def unpack(archive: Path, wanted: list[str], folder: Path) -> dict[str, dict]:
    """Take the wanted members out of an archive into ``folder``.

    A member is wanted if its name ends in a wanted one, folder by folder: ``x.gz`` is found as
    ``GSE1/x.gz``. Returns name -> record (bytes, sha256, url, version). Raises RetrievalError,
    before anything is written, if a member points outside, if a wanted one is a link or a device,
    is sparse or larger than its archive, or if two members could be meant.
    """
    for name in wanted:
        shared.check_name(name, folder)
    records = {}
    try:
        with tarfile.open(archive, "r:") as tar:
            for name, member in _chosen(archive, _members(tar), wanted).items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f".{target.name}.part")
                sha = hashlib.sha256()
                source = tar.extractfile(member)
                assert source is not None  # it is a file
                with source, shared.create(part) as sink:
                    while chunk := source.read(CHUNK):
                        sha.update(chunk)
                        sink.write(chunk)
                os.replace(part, target)
                records[name] = {
                    "bytes": target.stat().st_size,
                    "sha256": sha.hexdigest(),
                    "url": f"{archive.name}:{name}",
                    "version": "",
                }
    except BROKEN as error:
        raise _damaged(archive, error) from error
    log.info("%s: %d files taken out", archive.name, len(records))
    return records


def _damaged(archive: Path, error: Exception) -> RetrievalError:
    with open(archive, "rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    if packed:
        return RetrievalError(
            f"{archive} is compressed: tilt takes files out of a plain .tar. Fix: unpack it with "
            "gunzip and name the .tar under `urls`."
        )
    return RetrievalError(
        f"{archive} is cut short or damaged ({error}). Fix: delete it to fetch it again."
    )


def _members(tar: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """All members; an archive whose members lie before each other has no end and is refused."""
    found, at = [], -1
    while (member := tar.next()) is not None:
        if member.size < 0 or tar.offset <= at:
            raise tarfile.ReadError("a member of no sound size")
        at = tar.offset
        found.append(member)
    return found


def _chosen(
    archive: Path, members: list[tarfile.TarInfo], wanted: list[str]
) -> dict[str, tarfile.TarInfo]:
    """Wanted name -> its member."""
    size = archive.stat().st_size
    by_name: dict[str, list[tarfile.TarInfo]] = {}
    for member in members:
        parts = PurePosixPath(member.name).parts
        if member.name.startswith("/") or ".." in parts or "\\" in member.name:
            raise RetrievalError(
                f"{archive} holds a member that points outside of it ({ascii(member.name)[1:-1]}): "
                "nothing of it was used. Fix: delete it and fetch it from another mirror."
            )
        for start in range(len(parts)):
            by_name.setdefault("/".join(parts[start:]), []).append(member)
    chosen = {}
    for name in wanted:
        found = by_name.get("/".join(PurePosixPath(name).parts), [])
        whole = [m for m in found if PurePosixPath(m.name) == PurePosixPath(name)]
        found = whole or found
        if len(found) > 1:
            raise RetrievalError(
                f"{archive}: {name} could be {few([m.name for m in found])}. Fix: write the folder "
                "in the sample sheet, too."
            )
        for member in found:
            wrong = "" if member.isreg() else KINDS.get(member.type, "of a kind that is not known")
            if member.issparse():
                wrong = "a file with holes"
            elif not wrong and member.size > size:
                wrong = f"said to have {member.size:,} bytes, more than the archive"
            if wrong:
                raise RetrievalError(
                    f"{archive}: {name} is {wrong}: nothing of it was used. Fix: delete it and "
                    "fetch it from another mirror, or put the file there by hand."
                )
            chosen[name] = member
    return chosen
