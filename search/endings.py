"""How a command ends that could not do its work: one line, one exit status, nothing lost.

A `ScovilleError` is for people already. Refusals of the operating system (disk full, no
permission, a folder where a file should be) are put into the same form here; anything else is a
bug and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from costmodel.errors import ScovilleError, StudyError

INTERRUPTED = 130
"""Exit status after Ctrl-C."""
READER_GONE = 141
"""Exit status when whoever read standard output has left, as a shell reports it."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class Interrupted(ScovilleError):
    """The person asked twice to stop."""

    exit_code = INTERRUPTED


def stopped(study: Path | None = None) -> Interrupted:
    """What to say after a stop at once."""
    if study is None:
        return Interrupted("stopped")
    return Interrupted(
        f"{study}: stopped at once; every committed round is saved",
        next_step=f"go on by `scoville resume {study}`",
    )


def refused(error: OSError, study: Path | None = None) -> StudyError:
    """A refusal of the operating system in the house's order of parts.

    Parameters
    ----------
    error : OSError
    study : Path, optional
        Folder of the study that was being written: what it has committed is safe.
    """
    place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    go_on = f"; then `scoville resume {study}`: every committed round is saved" if study else ""
    if error.errno in _FULL:
        expected, next_step = "room on the disk", "free some space there"
    elif error.errno in _FORBIDDEN:
        expected, next_step = "a place that may be written", "change its permissions"
        if not study:
            next_step += ", or choose another folder (--results, -o)"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        expected = "a folder" if error.errno != errno.EISDIR else "a file"
        next_step = "choose another place (--results, -o)"
    else:
        expected, next_step = "", "see to it, and try again"
    return StudyError(
        reason,
        expected=expected,
        next_step=next_step + go_on,
        file=place or study or "standard output",
    )


@contextmanager
def of_study(folder: Path) -> Iterator[None]:
    """Inside it, a stop and a refusal of the operating system say how the study goes on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise stopped(folder) from error
    except OSError as error:
        raise refused(error, folder) from error


def record(error: ScovilleError) -> dict[str, Any]:
    """An error as plain containers, for ``--json``."""
    return {
        "error": {
            "message": str(error),
            "exit_code": error.exit_code,
            "file": error.file,
            "line": error.line,
            "key": error.key or None,
            "found": error.found,
            "expected": error.expected or None,
            "suggestions": list(error.suggestions),
            "next_step": error.next_step or None,
        }
    }


def drop_standard_output() -> None:
    """Send what is left for standard output nowhere: nobody reads it, or it cannot be written."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):  # no such stream any more: nothing to drop
        return
