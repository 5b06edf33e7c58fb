"""Files in a folder that others may write, too: no link is followed, nothing planted is opened.

A link, a pipe or a second name of a file that lies where tilt is about to write would send the
bytes elsewhere, into another file of the user. What is found there is left as it is and told.
"""

import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

OWN_NAMES = ("lock.json", ".in_use")


class RetrievalError(RuntimeError):
    """A public file that could not be had as it should be; says which, from where, and why."""


def planted(path: Path) -> str:
    """What lies at ``path`` that tilt never puts there, in words; empty for a plain file or none.

    A second name (hard link) counts: what is written there would be written into the other.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return ""
    if stat.S_ISLNK(found.st_mode):
        return f"a link to {os.readlink(path)}"
    if not stat.S_ISREG(found.st_mode):
        return "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
    return "another name of a file elsewhere (a hard link)" if found.st_nlink > 1 else ""


def refuse_planted(path: Path) -> None:
    """Raise RetrievalError for a link, pipe or device where a file of tilt's own belongs."""
    what = planted(path)
    if what:
        raise RetrievalError(
            f"{path} is {what}, which tilt did not put there: nothing was written. Fix: find out "
            "who did, delete it, or set `downloads` to a folder that only you may write."
        )


def create(path: Path) -> BinaryIO:
    """Open a new file for writing; one of tilt's own that a killed run left is replaced."""
    refuse_planted(path)
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(_opened(path, flags), "wb")


def append(path: Path) -> BinaryIO:
    """Open a file of one's own to write on at its end."""
    refuse_planted(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(_opened(path, flags), "ab")


def content(path: Path, most: int) -> bytes:
    """Bytes of a small file of tilt's own; empty if there is none.

    Raises RetrievalError for one that is planted, or larger than ``most`` bytes.
    """
    refuse_planted(path)
    try:
        number = _opened(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    with os.fdopen(number, "rb") as handle:
        found = handle.read(most + 1)
    if len(found) > most:
        raise RetrievalError(f"{path} has more than {most:,} bytes. Fix: delete it.")
    return found


def lock_file(path: Path) -> BinaryIO:
    """The file that runs lock while they fetch: opened to be locked, never written."""
    refuse_planted(path)
    ways = (os.O_RDWR | os.O_CREAT, os.O_RDONLY)  # somebody else's may be readable alone
    for i, way in enumerate(ways):
        try:
            number = _opened(path, way | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            return os.fdopen(number, "r+b" if way & os.O_RDWR else "rb", buffering=0)
        except PermissionError:
            if i == len(ways) - 1:
                raise
    raise AssertionError


def mine(path: Path) -> bool:
    """Whether a file is there that this user made."""
    try:
        return path.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False


def private(folder: Path) -> bool:
    """Whether nobody else may put files into a folder (a group of one's own name aside)."""
    found = folder.stat()
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & stat.S_IWOTH:
        return False
    return not found.st_mode & stat.S_IWGRP or found.st_gid == found.st_uid


def check_name(name: str, folder: Path) -> None:
    """Raise RetrievalError for a name that is no file in ``folder``, or one of tilt's own.

    Folders on the way must be folders, not links.
    """
    parts = PurePosixPath(name).parts
    wrong = ""
    if not parts or name.startswith("/") or ".." in parts:
        wrong = "leads out of the folder"
    elif "\\" in name or any(not c.isprintable() for c in name):
        wrong = "holds characters that no name should have"
    elif parts[0].lower() in OWN_NAMES or parts[-1].startswith("."):
        wrong = "is a name that tilt uses itself"
    if wrong:
        raise RetrievalError(
            f"{ascii(name)[1:-1]} {wrong} ({folder}). Fix: give the file another name in the "
            "cohort file or the sample sheet."
        )
    for above in list(PurePosixPath(name).parents)[:-1]:
        if (folder / above).is_symlink():
            refuse_planted(folder / above)


def _opened(path: Path, flags: int) -> int:
    """Open without following a link; a pipe or a device is refused even if it came just now."""
    try:
        number = os.open(path, flags, 0o666)
    except FileNotFoundError:
        raise
    except OSError as error:
        refuse_planted(path)
        raise error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        refuse_planted(path)
    return number
