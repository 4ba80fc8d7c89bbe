"""Where studies stand, read from the end of their journals: cheap beside a search that runs.

Nothing is locked for longer than a look, nothing is written, and only the last commit record is
parsed, however long the journal is.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from costmodel.errors import ConfigError, StudyError
from search import manifest
from search.display import quantity
from search.manifest import PROMISES
from search.meter import Meter
from search.progress import Report
from search.rescore import read_summary
from search.storage import COMMIT, JOURNAL, LOCK, SET_STUDY_USER_ATTRIBUTE, locked

RUNNING, DAMAGED = "running", "damaged"
BLOCK = 1 << 16
"""Bytes read at a time from the end of a journal."""
EVERY = 1.0
"""Seconds between two looks at a study."""


def last_commit(path: Path) -> dict[str, Any] | None:
    """The last commit record of a journal that another process may be writing."""
    try:
        with path.open("rb") as file:
            for line in _lines_from_end(file.fileno()):
                record = _commit_of(line)
                if record is not None:
                    return record
    except FileNotFoundError:
        return None
    return None


def _lines_from_end(descriptor: int) -> Iterator[bytes]:
    """Complete lines, the last one first."""
    position = os.fstat(descriptor).st_size
    rest, torn = b"", True
    while position > 0:
        start = max(0, position - BLOCK)
        block = os.pread(descriptor, position - start, start) + rest
        position = start
        rest, *lines = block.split(b"\n")
        if lines and torn:
            lines.pop()  # what follows the last end of line is being written
            torn = False
        yield from reversed(lines)
    if not torn:
        yield rest


def _commit_of(line: bytes) -> dict[str, Any] | None:
    if b'"' + COMMIT.encode() + b'"' not in line:
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("op_code") != SET_STUDY_USER_ATTRIBUTE:
        return None
    commit = record.get("user_attr", {}).get(COMMIT)
    return commit if isinstance(commit, dict) else None


def state(folder: str | Path) -> dict[str, Any]:
    """Where the study of a folder stands, from its journal and manifest alone.

    Raises
    ------
    StudyError
        When the folder holds no study.
    """
    folder = Path(folder)
    content = manifest.read(folder)
    last = last_commit(folder / JOURNAL) or {}
    rounds = last.get("round", -1) + 1
    running = locked(folder / LOCK)
    return {
        "name": content["name"],
        "folder": str(folder),
        "status": RUNNING if running else _settled(content, rounds),
        "rounds": rounds,
        "evaluations": last.get("evaluations", 0),
        "feasible": last.get("feasible", 0),
        "best": last.get("best", {}),
        "hypervolume": last.get("hypervolume"),
        "sampler": last.get("sampler", ""),
        "meter": last.get("meter", {}),
        "seconds": last.get("seconds", 0.0),
        "budget": content["budget"],
        "execution": content.get("execution", {"mode": "sync"}),
        "promise": content.get("promise", PROMISES["sync"]),
        "sessions": len(content["sessions"]),
        "created": content["created"],
        "rescore": read_summary(folder),
    }


def _settled(content: dict[str, Any], rounds: int) -> str:
    """A study that says running, with nobody running it, was killed; one that lost rounds, cut."""
    ended = [session["rounds"][1] for session in content["sessions"] if "rounds" in session]
    if ended and rounds < ended[-1]:
        return "cut"
    stored: str = content["status"]
    return "killed" if stored == RUNNING else stored


def states(results: Path) -> list[dict[str, Any]]:
    """Where each study under a folder stands, by name; a damaged one says what is wrong with it."""
    found = []
    for path in sorted(results.glob(f"*/{manifest.MANIFEST}")):
        try:
            found.append(state(path.parent))
        except StudyError as error:
            folder = path.parent
            about = {"name": folder.name, "folder": str(folder), "error": str(error)}
            found.append({**about, "status": DAMAGED})
    return found


def only_running(results: Path) -> Path:
    """The study under a folder that a process is working on.

    Raises
    ------
    ConfigError
        When there is none, or more than one.
    """
    running = [item["folder"] for item in states(results) if item["status"] == RUNNING]
    if len(running) == 1:
        return Path(running[0])
    raise ConfigError(
        f"{len(running) or 'no'} studies of {results} are running",
        expected="one, or the folder of the one to watch",
        next_step=f"scoville status {running[0]} --watch" if running else "scoville status",
    )


def report(content: dict[str, Any], units: dict[str, str]) -> Report | None:
    """A study's state as progress; None before its first round."""
    if not content["rounds"]:
        return None
    meter = Meter()
    meter.restore(content["meter"])
    return Report(
        round_number=content["rounds"] - 1,
        sampler=content["sampler"],
        evaluated=content["evaluations"],
        feasible=content["feasible"],
        charged=meter.charged,
        budget=content["budget"]["evaluations"],
        seconds=content["seconds"],
        limit=content["budget"].get("seconds"),
        best={
            name: quantity(value, units.get(name, "")) for name, value in content["best"].items()
        },
        hypervolume=content["hypervolume"],
    )


def follow(
    folder: Path, every: float = EVERY, sleep: Callable[[float], None] = time.sleep
) -> Iterator[dict[str, Any]]:
    """States of a study, each one that differs from the one before, until nobody works on it."""
    before: dict[str, Any] | None = None
    while True:
        content = state(folder)
        if content != before:
            yield content
        if content["status"] != RUNNING:
            return
        before = content
        sleep(every)
