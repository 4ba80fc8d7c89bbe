"""Files of a study that survive a kill at any moment.

The journal is an Optuna journal: one JSON object a line, which a stock `JournalFileBackend` and
optuna-dashboard read. Ours adds two things. Records are buffered, folded to one for each trial and
written by one append and one fsync for each round, the last line being a commit record; and on
opening, what follows the last commit record is moved to a ``.tail`` file. Other files are written
under a temporary name, synced and renamed before the commit record that counts on them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import optuna
from optuna.storages.journal import BaseJournalBackend

from costmodel.errors import StudyError
from search.settled_trials import StudyStorage
from search.trial_records import TrialRecords, as_read, count_trials

JOURNAL = "study.journal"
LOCK = ".lock"
COMMIT = "commit"
"""Study attribute that holds the last commit record."""
TAIL, TEMPORARY = ".tail", ".new"
"""Ends of the names of what was set aside, and of what is being written."""
SET_STUDY_USER_ATTRIBUTE = 2
"""Code of the journal operation that a commit record is."""


REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "free some space",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
}


class UnwritableError(StudyError):
    """A file could not be written; ``remedy`` is what helps, as far as it is known."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.remedy = REMEDIES.get(error.errno or 0, "see to it")
        text = error.strerror or str(error)
        super().__init__(f"cannot write {path}: {text}", next_step=self.remedy)


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn what the system says about a failed write into one line.

    Raises
    ------
    UnwritableError
    """
    try:
        yield
    except OSError as error:
        raise UnwritableError(path, error) from error


class Journal(BaseJournalBackend):
    """An Optuna journal with commits; one process writes it.

    Parameters
    ----------
    path : Path
        Created when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = path.read_bytes() if path.exists() else b""
        end, self._records, self.commits = committed(content)
        refuse_lost_commits(path, content, end)
        self._first = 0
        self._unwritten = TrialRecords(count_trials(self._records))
        if end < len(content):
            self._move_tail(content[end:], end)

    def _move_tail(self, tail: bytes, end: int) -> None:
        write_atomically(tail_of(self.path), tail)
        with saving(self.path):
            self._cut(end)

    def _cut(self, end: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(end)
            os.fsync(file.fileno())

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Records from a number on, committed or not; what is committed is given out once."""
        if log_number_from < self._first:
            raise StudyError(f"{self.path} was read before", next_step="open it again")
        return self._records[log_number_from - self._first :]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keep records until the next commit, in the form in which a reader will see them."""
        for log in logs:
            record = as_read(log)
            self._records.append(record)
            self._unwritten.add(record)

    def commit(self, record: dict[str, Any]) -> None:
        """Write what was appended since, ending in a commit record; synced when it returns.

        The caller has stored `record` as the study attribute `COMMIT` just before, so that it is
        the last record of the journal, and that Optuna has read all of them.

        Raises
        ------
        UnwritableError
            The journal then ends in its last commit as before.
        """
        content = self._unwritten.take()
        size = self.path.stat().st_size if self.path.exists() else None
        try:
            with self.path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if size is None:
                sync_folder(self.path.parent)
        except OSError as error:
            # What was written of it is no commit; were it left, opening would set it aside.
            with suppress(OSError):
                self._cut(size or 0)
            raise UnwritableError(self.path, error) from error
        self._first += len(self._records)
        self._records = []
        self.commits.append(record)


def committed(content: bytes) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Where the last commit record ends, all records up to it, and the commit records."""
    records: list[dict[str, Any]] = []
    commits: list[dict[str, Any]] = []
    end = position = kept = 0
    for line in content.split(b"\n")[:-1]:
        position += len(line) + 1
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict):
            break
        records.append(record)
        if record.get("op_code") == SET_STUDY_USER_ATTRIBUTE:
            attribute = record.get("user_attr", {})
            if COMMIT in attribute:
                commits.append(attribute[COMMIT])
                end, kept = position, len(records)
    return end, records[:kept], commits


def read_commits(path: Path) -> list[dict[str, Any]]:
    """Commit records of a journal that another process may be writing."""
    if not path.exists():
        return []
    content = path.read_bytes()
    end, _, commits = committed(content)
    refuse_lost_commits(path, content, end)
    return commits


def refuse_lost_commits(path: Path, content: bytes, end: int) -> None:
    """Tell a tail that was never committed from a journal that was damaged before its end.

    Raises
    ------
    StudyError
        When commit records follow `end`, where reading stopped.
    """
    rest = content[end:].split(b"\n")[:-1]
    name = f'"{COMMIT}"'.encode()
    if not any(name in line and committed(line + b"\n")[2] for line in rest):
        return
    position = content.count(b"\n", 0, end) + 1
    for line in rest:
        try:
            json.loads(line)
        except ValueError:
            break
        position += 1
    raise StudyError(
        "not a record, yet committed rounds follow it: the file was damaged",
        expected="the journal as it was written",
        next_step="restore it, or begin a new study from the designs before that line: "
        f"`scoville run {path.parent}/experiment.yaml --name ...`",
        file=path,
        line=position,
    )


def open_optuna(
    journal: Journal, name: str, directions: list[Literal["minimize", "maximize"]]
) -> optuna.Study:
    """The Optuna study of a journal, created when the journal is empty."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=name,
        storage=StudyStorage(journal),
        directions=directions,
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0),
    )


LOOKS, LOOK = 5, 0.01
"""How often a lock is tried again, and after how long [s]."""


class Lock:
    """Exclusive use of a study's folder; released by the system when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with saving(path):
            self._file = path.open("a+")
            try:
                self._take()
            except BlockingIOError as error:
                self._file.seek(0)
                holder = self._file.read().strip() or "another process"
                self._file.close()
                raise StudyError(
                    f"{path.parent} is in use by {holder}",
                    next_step="wait for it, or interrupt it: it saves its work",
                ) from error
        self._say(f"process {os.getpid()} on {socket.gethostname()}\n")

    def _take(self) -> None:
        """Take the lock; whoever only looks whether it is taken (`locked`) is gone at once."""
        for _ in range(LOOKS):
            with suppress(BlockingIOError):
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            time.sleep(LOOK)
        return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _say(self, holder: str) -> None:
        """Who holds the lock, for people: it holds without a word on a full disk too."""
        with suppress(OSError):
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), holder.encode())

    def release(self) -> None:
        """Let others use the folder."""
        if not self._file.closed:
            self._say("")
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def locked(path: Path) -> bool:
    """Whether a process holds the lock."""
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either complete or not there.

    Raises
    ------
    UnwritableError
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UnwritableError(path, error) from error


def digest_of(content: bytes) -> str:
    """Digest of a file's content, as a commit record holds it."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def tail_of(path: Path) -> Path:
    """A free name beside a file for what is set aside of it."""
    number = 1
    while (target := path.with_name(f"{path.name}.{number}{TAIL}")).exists():
        number += 1
    return target


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
