"""How large a file may claim to be inside, so that a few bytes do not fill memory or disk."""

import io
import re
from pathlib import Path
from typing import IO, Any

# Deflate can make a thousand bytes of one; tables and matrices of counts stay below a hundred.
MOST_GROWTH = 300
FREE = 1 << 24  # bytes that are never asked about
# What may stand among the entries of a matrix: the reader in C passes over the rest of a number.
WHOLE = b"0123456789 \t\r\n+-."
NUMBERS = WHOLE + b"eEnNaAiIfF"


class Bomb(EOFError):
    """A file that unpacks to far more than files of its size do; says to how much."""


def most_bytes(size: int) -> int:
    """Bytes that a packed file of ``size`` bytes may hold."""
    return FREE + MOST_GROWTH * size


class NotText(EOFError):
    """A file with a NUL in it, which ends the process in the reader of matrices in C."""


class Bounded(io.RawIOBase):
    """A stream of a file, unpacked, that raises Bomb when it gives more than such files hold.

    Going back to before the start ends at the start: the reader of matrices in C does so after an
    error, and an exception there would end the process.
    """

    def __init__(self, source: IO[bytes], path: Path):
        self.source, self.size = source, path.stat().st_size
        self.done = 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it can go to another place: always."""
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to ``place``, not before the start; the new place."""
        if whence == io.SEEK_CUR:
            place += self.source.tell()
        elif whence == io.SEEK_END:
            place += self.source.seek(0, io.SEEK_END)
        self.done = self.source.seek(max(place, 0))
        return self.done

    def tell(self) -> int:
        """Place in the unpacked bytes."""
        return self.source.tell()

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from here; the number of bytes. Raises Bomb."""
        data = self.source.read(len(buffer))
        read = len(data)
        buffer[:read] = data
        self.done += read
        if self.done > most_bytes(self.size):
            raise Bomb(f"{self.size:,} bytes unpack to more than {most_bytes(self.size):,}")
        return read

    def close(self) -> None:
        """Close the file, too."""
        if not self.closed:
            self.source.close()
        super().close()


class NotNumbers(EOFError):
    """A matrix with something else among its numbers; says the line."""


class Text(Bounded):
    """The stream of a file of text, which raises NotText where it is none.

    ``numbers``: the place from which on only numbers may stand, and the characters of these; where
    a whole number ends in digits after the point, or anything else stands, it raises NotNumbers.
    """

    numbers: tuple[int, bytes] | None = None

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from here; the number of bytes. Raises Bomb, NotText and NotNumbers."""
        read = super().readinto(buffer)
        data = bytes(buffer[:read])
        if b"\0" in data:
            raise NotText("a NUL")
        if self.numbers:
            start, allowed = self.numbers
            _check_numbers(data[max(start - (self.done - read), 0) :], allowed)
        return read


def _check_numbers(data: bytes, allowed: bytes) -> None:
    broken = None
    if data.translate(None, allowed):
        broken = re.search(b"[^" + re.escape(allowed) + b"]", data)
    elif allowed == WHOLE and b"." in data:
        broken = re.search(rb"\.0*[1-9]", data)
    if broken:
        line = data[data.rfind(b"\n", 0, broken.start()) + 1 :][:80].split(b"\n")[0]
        raise NotNumbers(line.decode(errors="replace").strip())
