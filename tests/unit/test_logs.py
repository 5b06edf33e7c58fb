"""What a job says when the disk is in the way."""

import errno
import os

import pytest
from tilt import logs


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full (a.h5ad). Mend: make room"),
        (errno.EDQUOT, "your share of the disk is used up (a.h5ad). Mend: "),
        (errno.EROFS, "the disk can only be read (a.h5ad). Mend: "),
        (errno.EACCES, "this place may not be written or read by you (a.h5ad). Mend: "),
    ],
)
def test_faults_of_the_disk_are_told_with_the_mend(number, words):
    fault = OSError(number, os.strerror(number), "a.h5ad")
    assert logs.disk(fault).startswith(words)
    try:
        try:
            raise fault
        except OSError as error:
            raise RuntimeError("while writing") from error
    except RuntimeError as error:
        assert logs.disk(error).startswith(words)


def test_other_faults_are_not_of_the_disk():
    assert logs.disk(ValueError("no")) == ""
    assert logs.disk(FileNotFoundError(errno.ENOENT, "No such file", "x")) == ""
