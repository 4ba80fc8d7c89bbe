"""What the operating system does to a command: full disks, forbidden folders, signals, pipes.

Every one of these is a real process. Where the machine allows it, a full disk is a file system of
its own (``tmpfs``), else a limit on the size of files; which of them is said in the title.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from experiments.bad_inputs.case import COMMAND, NAME, Answer, Place, changed, faults
from search import evaluations
from search.following import state

STUDY = f"results/{NAME}"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
LONG = ("-S", "budget.evaluations=100000", "-S", "space.cores_built={range: [16, 640], step: 1}",
        "--no-report")  # fmt: skip
"""Enough to do for minutes, whatever the machine."""
LIMIT = 120.0
"""Seconds after which a process is given up."""

SAVED = "said at once, saved, resumes"
REASONS = "what binds, smallest relaxation"
PLAIN = "plain lines, usual end"
SILENT = "no word, 141; the study whole"
FINISHED = "goes on in silence"
"""What else than one line may be asked of a process."""

Outcome = tuple[Answer, tuple[str, ...]]


@dataclass(frozen=True)
class Happening:
    """Something that happens to a process; `run` gives the answer and what is wrong with it."""

    title: str
    run: Callable[[Place], Outcome]
    asked: str = "one line, nothing lost"


def begin(words: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*COMMAND, *words], cwd=folder, env=environment, text=True, **{**settings, **options}
    )


def end(process: subprocess.Popen[str]) -> Answer:
    """Wait for a command."""
    out, err = process.communicate(timeout=LIMIT)
    return Answer(process.returncode, out or "", err or "")


def rows(study: Path) -> pa.Table:
    """Every evaluation on disk that a commit names."""
    commits = state(study)["rounds"]
    return evaluations.read(sorted((study / "evaluations").glob("*.parquet"))[:commits])


def goes_on(place: Place, kept: pa.Table, at_least: int = 1) -> tuple[str, ...]:
    """Resume a study to its end: its committed rows are still there, and more came."""
    study = place.folder / STUDY
    budget = f"budget.evaluations={kept.num_rows + 128}"
    answer = end(begin(["resume", STUDY, "-S", budget, "-q", "--no-report"], place.folder))
    if answer.code:
        return (f"does not resume: {answer.err}",)
    after = rows(study)
    wrong = [] if after.num_rows > kept.num_rows else ["nothing came"]
    if kept.num_rows < at_least:
        wrong.append("nothing was committed before")
    if not after.slice(0, kept.num_rows).equals(kept):
        wrong.append("committed rows changed")
    numbers = after.column("evaluation").to_pylist()
    if numbers != list(range(len(numbers))):
        wrong.append("rows lost or doubled")
    if state(study)["status"] != "finished":
        wrong.append(state(study)["status"])
    return tuple(wrong)


def committed(study: Path, rounds: int = 2) -> None:
    """Wait until a study has committed so many rounds."""
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if (study / "manifest.json").exists() and state(study)["rounds"] >= rounds:
            return
        time.sleep(0.02)
    raise TimeoutError(f"{study} has no {rounds} rounds after {LIMIT:g} s")


def can_mount() -> bool:
    """Whether this process may mount file systems."""
    return os.geteuid() == 0 and sys.platform == "linux" and _mount(Path("/proc/nowhere")) == "no"


def _mount(folder: Path) -> str:
    """``no`` where the only thing that is wrong is the folder."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False, text=True
    )
    return "no" if "denied" not in done.stderr and "permitted" not in done.stderr else "forbidden"


def on_full_disk(place: Place) -> Outcome:
    """The disk fills up in the middle of a search; then there is room again."""
    results = place.folder / "results"
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(results)]
    subprocess.run(mount, check=True)
    try:
        words = ["run", place.experiment(), *LONG, "-q"]
        answer = end(begin(words, place.folder))
        wrong = faults(answer, 4, ("results", "o space left on device", "resume"))
        kept = rows(place.folder / STUDY)
        subprocess.run(["mount", "-o", "remount,size=64m", str(results)], check=True)
        return answer, (*wrong, *goes_on(place, kept))
    finally:
        subprocess.run(["umount", str(results)], check=True)


def on_limited_files(place: Place) -> Outcome:
    """No file may grow beyond a size; then it may."""
    size = 150_000
    words = ["run", place.experiment(), *LONG, "-q"]
    limit = (size, size)
    answer = end(
        begin(
            words, place.folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        )
    )
    wrong = faults(answer, 4, ("results", "ile too large", "resume"))
    return answer, (*wrong, *goes_on(place, rows(place.folder / STUDY)))


def read_only(folder: Path) -> dict[str, Any]:
    """Options of a process that may not write into a folder, not even as root."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return {"preexec_fn": _obey_permissions} if os.geteuid() == 0 else {}


def _obey_permissions() -> None:
    """Give up root's right to write everywhere, for what this process becomes."""
    if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) != 0:
        raise OSError("cannot give up a capability")


def in_forbidden_folder(place: Place) -> Outcome:
    """A run where nothing may be written."""
    words = ["run", place.experiment(), *LONG, "-q"]
    before = place.snapshot()
    answer = end(begin(words, place.folder, **read_only(place.folder)))
    wrong = faults(answer, 4, ("results", "ermission denied", "make it writable"))
    return answer, (*wrong, *changed(before, place.snapshot()))


def resumed_in_forbidden_folder(place: Place) -> Outcome:
    """A study that may only be read."""
    place.study()
    before = place.snapshot()
    words = ["resume", STUDY, "-S", "budget.evaluations=+64", "-q"]
    answer = end(begin(words, place.folder, **read_only(place.folder)))
    wrong = faults(answer, 4, (STUDY, "ermission denied"))
    return answer, (*wrong, *changed(before, place.snapshot()))


def read_in_forbidden_folder(place: Place) -> Outcome:
    """To look at a study that may only be read is allowed; nothing is said but the answer."""
    place.study()
    before = place.snapshot()
    options = read_only(place.folder)
    answer = end(begin(["status", STUDY, "--json"], place.folder, **options))
    wrong = [] if '"finished"' in answer.out and answer.code == 0 else ["no answer"]
    refused = end(begin(["export", STUDY, "-o", "best"], place.folder, **options))
    wrong += faults(refused, 4, ("best", "ermission denied", "-o"))
    return refused, (*wrong, *changed(before, place.snapshot()))


def on_read_only_disk(place: Place) -> Outcome:
    """The file system became read-only."""
    results = place.folder / "results"
    results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(results)], check=True)
    try:
        place.study()
        before = place.snapshot()
        subprocess.run(["mount", "-o", "remount,ro", str(results)], check=True)
        words = ["resume", STUDY, "-S", "budget.evaluations=+64", "-q"]
        answer = end(begin(words, place.folder))
        wrong = faults(answer, 4, (STUDY, "ead-only file system"))
        return answer, (*wrong, *changed(before, place.snapshot()))
    finally:
        subprocess.run(["umount", str(results)], check=True)


def two_drivers(place: Place) -> Outcome:
    """A second driver comes while the first one works; then the first one is asked to stop."""
    first = begin(["run", place.experiment(), *LONG, "-q"], place.folder)
    try:
        committed(place.folder / STUDY)
        second = end(begin(["resume", STUDY, "-q"], place.folder))
        third = end(begin(["run", "bad.yaml", *LONG, "-q"], place.folder))
    finally:
        first.send_signal(signal.SIGTERM)
    stopped = end(first)
    wrong = [
        *faults(second, 4, (STUDY, "in use", f"process {first.pid}")),
        *faults(third, 4, (f"{STUDY} exists", "resume")),
    ]
    if stopped.code != 130 or stopped.err:
        wrong.append(f"the first driver ended with {stopped.code}: {stopped.err}")
    return second, (*wrong, *goes_on(place, rows(place.folder / STUDY)))


def signalled(number: signal.Signals, times: int) -> Callable[[Place], Outcome]:
    """A search gets a signal once, or twice."""

    def run(place: Place) -> Outcome:
        words = ["run", place.experiment(), *LONG]
        process = begin(words, place.folder)
        committed(place.folder / STUDY)
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.05)
        answer = end(process)
        parts = ["finishing this round", f"scoville resume {STUDY}"]
        if times > 1:
            parts.append("stopped at once")
        wrong = [part for part in parts if part not in answer.err]
        if answer.code != 130:
            wrong.append(f"exit status {answer.code}")
        if "Traceback" in answer.err:
            wrong.append("a traceback")
        kept = rows(place.folder / STUDY)
        last = Answer(answer.code, answer.out, answer.err.strip().splitlines()[-1])
        return last, (*wrong, *goes_on(place, kept))

    return run


def infeasible(place: Place) -> Outcome:
    """Limits that no design meets: which ones bind, and the least that has to give."""
    words = ["run", place.experiment(), "-S", "limits.tpot_ms=0.01", "--no-report"]
    answer = end(begin(words, place.folder))
    parts = ("no design meets every limit", "tpot_ms from 0.01 to")
    wrong = [part for part in parts if part not in answer.err]
    if answer.code != 3:
        wrong.append(f"exit status {answer.code}")
    export = end(begin(["export", STUDY], place.folder))
    wrong += faults(export, 3, (STUDY, "no design meets every limit", "scoville status"))
    said = [line for line in answer.err.splitlines() if not line.startswith(("round", "next"))]
    return Answer(answer.code, answer.out, " / ".join(said)), tuple(wrong)


def without_terminal(place: Place) -> Outcome:
    """No terminal at all, as under a batch system: plain lines, the usual end."""
    answer = end(
        begin(["run", place.experiment(), "--no-report"], place.folder, start_new_session=True)
    )
    wrong = [] if answer.code == 0 else [f"exit status {answer.code}"]
    lines = answer.err.splitlines()
    if "\x1b" in answer.err + answer.out or "\r" in answer.err:
        wrong.append("escape codes")
    if not lines or not lines[0].startswith("round 1 "):
        wrong.append("no first line")
    return Answer(answer.code, answer.out, lines[0] if lines else ""), tuple(wrong)


def reader_gone(*words: str, code: int = 141) -> Callable[[Place], Outcome]:
    """Whoever reads standard output leaves at once, as ``| head -1`` does after a line."""

    def run(place: Place) -> Outcome:
        if "run" in words:
            place.experiment()
        reading, writing = os.pipe()
        process = begin(words, place.folder, stdout=writing)
        os.close(writing)
        os.close(reading)
        answer = end(process)
        wrong = [] if answer.code == code else [f"exit status {answer.code}"]
        if answer.err:
            wrong.append("something is said to nobody")
        if "run" in words and state(place.folder / STUDY)["status"] != "finished":
            wrong.append("the study is not finished")
        return answer, tuple(wrong)

    return run


def nowhere_to_write(place: Place) -> Outcome:
    """Standard output is a device that is always full."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        answer = end(begin(["list", "chips"], place.folder, stdout=full))
    return answer, faults(answer, 4, ("standard output", "o space left on device"))


def listener_gone(place: Place) -> Outcome:
    """Whoever reads standard error has left: the search goes on in silence."""
    reading, writing = os.pipe()
    process = begin(["run", place.experiment(), "--no-report"], place.folder, stderr=writing)
    os.close(writing)
    os.close(reading)
    answer = end(process)
    wrong = [] if answer.code == 0 else [f"exit status {answer.code}"]
    if state(place.folder / STUDY)["status"] != "finished":
        wrong.append("the study is not finished")
    return answer, tuple(wrong)


def happenings() -> Iterator[Happening]:
    """Everything that this machine lets happen."""
    mounts = can_mount()
    if mounts:
        yield Happening("disk full in a commit (a tmpfs of 600 kB)", on_full_disk)
        yield Happening("file system read-only (a tmpfs remounted)", on_read_only_disk)
    yield Happening("files limited in size in a commit (RLIMIT_FSIZE)", on_limited_files)
    dropped = "without root's override" if os.geteuid() == 0 else "permissions taken"
    yield Happening(f"run in a folder that may only be read ({dropped})", in_forbidden_folder)
    yield Happening(
        f"resume a study that may only be read ({dropped})", resumed_in_forbidden_folder
    )
    yield Happening(f"export where nothing may be written ({dropped})", read_in_forbidden_folder)
    yield Happening("two drivers at once", two_drivers)
    yield Happening("Ctrl-C once", signalled(signal.SIGINT, 1), SAVED)
    yield Happening("Ctrl-C twice", signalled(signal.SIGINT, 2), SAVED)
    yield Happening("SIGTERM", signalled(signal.SIGTERM, 1), SAVED)
    yield Happening("terminal closed (SIGHUP)", signalled(signal.SIGHUP, 1), SAVED)
    yield Happening("limits that no design meets", infeasible, REASONS)
    yield Happening("no terminal", without_terminal, PLAIN)
    yield Happening(
        "list | head: the reader has left",
        reader_gone("list", "technology", "node"),
        SILENT,
    )
    yield Happening(
        "run | head: the reader has left",
        reader_gone("run", "bad.yaml", "-q", "--no-report"),
        SILENT,
    )
    yield Happening("standard error closed by its reader", listener_gone, FINISHED)
    if Path("/dev/full").exists():
        yield Happening("standard output always full (/dev/full)", nowhere_to_write)
