"""What a trial costs at 100 and at 20,000 trials, split into ask, evaluate, tell and storage.

Then what overlapping rounds gain for samplers that think long.
"""

from __future__ import annotations

import functools
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.shows import overlapping
from experiments.shows.harness import Line, Show
from search.problem import Problem
from search.rounds import Rounds
from search.settled_trials import StudyStorage
from search.storage import read_commits
from search.study import Study

ROOT = Path(__file__).resolve().parents[2]
EARLY, LATE = 100, 20_000
WINDOW = 9
"""Rounds of which the median counts; the fastest stands beside it: other work only adds."""
FLAT, STORAGE = 2.0, 3.0
"""Largest growth of a trial's cost; most that storage may take of it [ms]."""
BATCH = {"random": 64, "nsga2": 64, "tpe": 16}
PARTS = ("ask", "evaluate", "tell", "storage")


@dataclass
class Stopwatch:
    """Seconds in each part of a round, wall and CPU; storage is taken out of what calls it."""

    wall: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    cpu: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    _stack: list[str] = field(default_factory=list)
    _since: tuple[float, float] = (0.0, 0.0)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time booked on a part."""

        @functools.wraps(function)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self._book()
            self._stack.append(part)
            try:
                return function(*arguments, **named)
            finally:
                self._book()
                self._stack.pop()

        return wrapped

    def _book(self) -> None:
        """Give the time since the last booking to the part that is on."""
        now = (time.perf_counter(), time.process_time())
        if self._stack:
            self.wall[self._stack[-1]] += now[0] - self._since[0]
            self.cpu[self._stack[-1]] += now[1] - self._since[1]
        self._since = now


@dataclass(frozen=True)
class Cost:
    """What a trial of one round costs [ms]."""

    wall: dict[str, float]
    cpu: dict[str, float]

    @property
    def total(self) -> float:
        """Wall time of all parts together [ms]."""
        return sum(self.wall.values())

    def text(self) -> str:
        """For a person."""
        wall, cpu = (
            ", ".join(f"{part} {times[part]:.2f}" for part in PARTS)
            for times in (self.wall, self.cpu)
        )
        total = sum(self.cpu.values())
        return f"{self.total:.2f} ms ({wall}); CPU {total:.2f} ms ({cpu})"


@contextmanager
def _patched(watch: Stopwatch) -> Iterator[None]:
    """Time every call of Optuna's storage, of the commit and of the model."""
    public = [
        name
        for name in dir(StudyStorage)
        if not name.startswith("_") and callable(getattr(StudyStorage, name))
    ]
    places: list[tuple[type, str, str]] = [(StudyStorage, name, "storage") for name in public]
    places += [(Rounds, "_commit", "storage"), (Problem, "evaluate", "evaluate")]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, part in places:
        setattr(owner, name, watch.timed(part, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _run(folder: Path, name: str, last: int, fill: str = "") -> dict[int, Cost]:
    """Cost of each round of a study, by the trials before it; ends some rounds after `last`.

    With `fill`, that sampler makes the trials up to `LATE`, and the one in question goes on.
    """
    sampler = f"{{name: {name}, options: {{batch: {BATCH[name]}}}}}"
    if fill:
        first = f"{{name: {fill}, options: {{batch: 250}}, evaluations: {LATE}}}"
        sampler = f"{{phases: [{first}, {sampler}]}}"
    study = Study.create(
        ROOT / "experiments/quickstart.yaml",
        [f"sampler={sampler}", f"budget={{evaluations: {4 * LATE}}}"],
        results=folder,
        name=name + ("-filled" if fill else ""),
    )
    watch = Stopwatch()
    proposer = study.rounds.proposer
    proposer.propose = watch.timed("ask", proposer.propose)  # type: ignore[method-assign]
    proposer.update = watch.timed("tell", proposer.update)  # type: ignore[method-assign]
    costs: dict[int, Cost] = {}
    wall, cpu, before = dict(watch.wall), dict(watch.cpu), 0

    def note(report: object) -> None:
        nonlocal wall, cpu, before
        del report
        if sum(start >= last for start in costs) > WINDOW:
            signal.raise_signal(signal.SIGINT)
        trials = study.problem.meter.proposed
        each = 1e3 / (trials - before)
        costs[before] = Cost(
            {part: each * (watch.wall[part] - wall[part]) for part in PARTS},
            {part: each * (watch.cpu[part] - cpu[part]) for part in PARTS},
        )
        wall, cpu, before = dict(watch.wall), dict(watch.cpu), trials

    with _patched(watch):
        study.run(note)
    return costs


def _at(costs: dict[int, Cost], trials: int) -> list[Cost]:
    """The first rounds that begin with at least so many trials behind them, fastest first."""
    rounds = [costs[start] for start in sorted(costs) if start >= trials][:WINDOW]
    if len(rounds) < WINDOW:
        raise ValueError(f"only {len(rounds)} rounds after {trials} trials")
    return sorted(rounds, key=lambda cost: cost.total)


def measure() -> Iterator[Line]:
    """Random and NSGA-II make all trials themselves; TPE goes on from random ones."""
    with tempfile.TemporaryDirectory(prefix="show-", dir=ROOT / "results") as name:
        folder = Path(name)
        _run(folder / "warm", "random", 512)
        for sampler in BATCH:
            # One right after the other, so that both see the same machine.
            late = _at(_run(folder, sampler, LATE, "random" if sampler == "tpe" else ""), LATE)
            early = _at(_run(folder / "early", sampler, EARLY), EARLY)
            yield from _lines(sampler, early, late)
        yield from _opening(folder / "random")
        yield from overlapping.measure(folder)


def _lines(sampler: str, early: list[Cost], late: list[Cost]) -> Iterator[Line]:
    """What a trial costs at both ends, and how much it grew."""
    middle = WINDOW // 2
    for trials, rounds in ((EARLY, early), (LATE, late)):
        yield Line(f"{sampler}: a trial at {trials:,}, median round", "", rounds[middle].text())
        yield Line(f"{sampler}: a trial at {trials:,}, fastest round", "", rounds[0].text())
    must = sampler == "random"
    growth = late[middle].total / early[middle].total
    fastest = late[0].total / early[0].total
    yield Line(
        f"{sampler}: growth",
        f"at most {FLAT:g}x" if must else "",
        f"{growth:.2f}x (fastest rounds {fastest:.2f}x)",
        growth <= FLAT if must else None,
    )
    storage = max(_storage(early), _storage(late))
    yield Line(
        f"{sampler}: storage a trial, median round",
        f"at most {STORAGE:g} ms",
        f"{storage:.2f} ms",
        storage <= STORAGE,
    )


def _storage(rounds: list[Cost]) -> float:
    """What storage takes of a trial in the median round [ms]."""
    return sorted(cost.wall["storage"] for cost in rounds)[WINDOW // 2]


def _opening(folder: Path) -> Iterator[Line]:
    """Size of a large study and the time until it can go on."""
    journal = folder / "study.journal"
    start = time.perf_counter()
    Study.resume(folder).rounds.open()
    opened = time.perf_counter() - start
    start = time.perf_counter()
    commits = read_commits(journal)
    looked = time.perf_counter() - start
    size = journal.stat().st_size
    yield Line(
        f"journal of {commits[-1]['evaluations']:,} trials",
        "",
        f"{size / 1e6:.0f} MB, {size / commits[-1]['evaluations'] / 1e3:.1f} kB a trial",
    )
    yield Line("the same study opened", "", f"to go on {opened:.1f} s, status {looked:.1f} s")


SHOW = Show("cost of a trial at 100 and at 20,000 trials", measure)
