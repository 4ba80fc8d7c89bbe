"""Files of a study that survive a kill at any moment.

The journal is an Optuna journal: one JSON object a line, which a stock `JournalFileBackend` and
optuna-dashboard read. Ours adds two things. Records are buffered and written by one append and one
fsync for each round, the last line being a commit record; and on opening, what follows the last
commit record is moved to a ``.tail`` file. Other files are written under a temporary name, synced
and renamed before the commit record that counts on them.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Container, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from costmodel.errors import StudyError

COMMIT = "commit"
"""Study attribute that holds the last commit record."""
SET_STUDY_USER_ATTRIBUTE = 2
"""Code of the journal operation that a commit record is."""


class Journal(BaseJournalBackend):
    """An Optuna journal with commits; one process writes it.

    Parameters
    ----------
    path : Path
        Created when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[bytes] = []
        content = path.read_bytes() if path.exists() else b""
        end, self._records, self.commits = committed(content)
        if end < len(content):
            self._move_tail(content[end:], end)

    def _move_tail(self, tail: bytes, end: int) -> None:
        number = 1
        while (target := self.path.with_name(f"{self.path.name}.{number}.tail")).exists():
            number += 1
        write_atomically(target, tail)
        with self.path.open("r+b") as file:
            file.truncate(end)
            os.fsync(file.fileno())

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Records from a number on, committed or not."""
        return self._records[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keep records until the next commit, in the form in which a reader will see them."""
        for log in logs:
            line = json.dumps(log, separators=(",", ":"))
            self._lines.append(line.encode())
            self._records.append(json.loads(line))

    def commit(self, record: dict[str, Any]) -> None:
        """Write what was appended since, ending in a commit record; synced when it returns.

        The caller has stored `record` as the study attribute `COMMIT` just before, so that it is
        the last record of the journal.
        """
        content = b"".join(line + b"\n" for line in self._lines)
        exists = self.path.exists()
        with self.path.open("ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not exists:
            sync_folder(self.path.parent)
        self._lines = []
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
    return committed(path.read_bytes())[2] if path.exists() else []


class StudyStorage(JournalStorage):
    """Optuna's journal storage that knows that nobody enqueues trials.

    Optuna looks through all trials for waiting ones at every ask; answering that query from here
    keeps an ask as fast with 40,000 trials as with none.
    """

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """All trials of the study in the given states."""
        if states == (TrialState.WAITING,):
            return []
        return super().get_all_trials(study_id, deepcopy, states)


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


class Lock:
    """Exclusive use of a study's folder; released by the system when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise StudyError(
                f"{path.parent} is in use by {holder}",
                next_step="wait for it, or interrupt it: it saves its work",
            ) from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let others use the folder."""
        if not self._file.closed:
            self._file.truncate(0)
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
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either complete or not there."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
