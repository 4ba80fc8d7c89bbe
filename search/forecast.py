"""What a search will cost: a few rounds of it in a temporary folder, timed, weighed and scaled up.

Every sampler of the experiment runs through the same rounds and commits as in a study, in small
batches, so that its own thinking, the files and the syncing are in the figures.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search.executors.local import single_threaded
from search.resolve import Resolved
from search.rounds import CHUNKS, STATES, Rounds
from search.samplers import Phases, Proposer
from search.storage import JOURNAL

BATCH = 256
"""Largest batch that is timed."""
FEWEST_ROUNDS, MOST_ROUNDS = 2, 20
ENOUGH = 1.0
"""Seconds of a sampler that are enough to judge it."""
CYCLE = 4096
"""Evaluations of a phase that has no end of its own."""
NUMBER = 8
"""Bytes of a number in memory."""
GROWTH = 2
"""The arrays of a study double when they are full."""


@dataclass(frozen=True)
class Pace:
    """What a sampler costs for each evaluation that it is charged; sizes in bytes, times in s.

    `weight` is its part of the evaluations of a cycle.
    """

    sampler: str
    weight: float
    seconds: float
    designs: float
    chunk: float
    journal: float
    state: float


@dataclass(frozen=True)
class Forecast:
    """A search of so many evaluations."""

    evaluations: float
    seconds: float
    rate: float
    designs: float
    rounds: float
    memory: float
    disk: float
    paces: tuple[Pace, ...]


def forecast(resolved: Resolved, spent: int = 0) -> Forecast:
    """Cost of what is left of an experiment's budget.

    Parameters
    ----------
    resolved : Resolved
        Its problem forgets what it knew.
    spent : int
        Evaluations that a study was charged already.
    """
    experiment, problem = resolved.experiment, resolved.problem
    wanted = max(0.0, min(float(experiment.budget.evaluations), problem.space.size) - spent)
    with single_threaded(), tempfile.TemporaryDirectory() as folder:
        paces = [
            _pace(resolved, sampler, proposals, Path(folder) / str(number))
            for number, (sampler, proposals) in enumerate(_samplers(resolved.proposer))
        ]
    total = sum(pace.weight for pace in paces)

    def mean(values: Sequence[float]) -> float:
        return sum(p.weight * v for p, v in zip(paces, values, strict=True)) / total

    seconds = mean([pace.seconds for pace in paces])
    limit = experiment.budget.seconds or math.inf
    evaluations = min(wanted, limit / seconds)
    designs = evaluations * mean([pace.designs for pace in paces])
    batches = [
        sampler.round_charge(sampler.initial()) for sampler, _ in _samplers(resolved.proposer)
    ]
    rounds = evaluations * mean([1.0 / batch for batch in batches])
    width = len(problem.space.names) + len(problem.metric_names) + len(problem.violation_names)
    sizes = [
        pace.chunk + (pace.journal + pace.state) / batch
        for pace, batch in zip(paces, batches, strict=True)
    ]
    return Forecast(
        evaluations=evaluations,
        seconds=evaluations * seconds,
        rate=1.0 / seconds,
        designs=designs,
        rounds=math.ceil(rounds),
        memory=_resident() + GROWTH * NUMBER * width * designs,
        disk=evaluations * mean(sizes),
        paces=tuple(paces),
    )


def _samplers(proposer: Proposer) -> list[tuple[Proposer, float]]:
    """Samplers, and how many designs each of them proposes in a cycle."""
    if not isinstance(proposer, Phases):
        return [(proposer, 1.0)]
    return [(phase.sampler, float(phase.evaluations or CYCLE)) for phase in proposer.phases]


def _pace(resolved: Resolved, sampler: Proposer, proposals: float, folder: Path) -> Pace:
    """Some rounds of one sampler, from nothing; it proposes so many designs in a cycle."""
    problem, seed = resolved.problem, resolved.experiment.seed
    batch = min(BATCH, int(sampler.options.batch))
    small = type(sampler)(problem, sampler.options.model_copy(update={"batch": batch}))
    folder.mkdir()
    rounds = Rounds(folder, "forecast", problem, small, seed)
    rounds.open()
    begin, number = time.perf_counter(), 0
    while number < FEWEST_ROUNDS or (number < MOST_ROUNDS and time.perf_counter() - begin < ENOUGH):
        rounds.step(lambda: time.perf_counter() - begin)
        number += 1
    seconds = time.perf_counter() - begin
    charged = max(1, problem.meter.charged)
    return Pace(
        sampler=sampler.name,
        weight=proposals * charged / max(1, problem.meter.proposed),
        seconds=seconds / charged,
        designs=problem.archive.count / charged,
        chunk=_size(folder / CHUNKS) / charged,
        journal=(folder / JOURNAL).stat().st_size / number,
        state=_size(folder / STATES) / number,
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _resident() -> float:
    """Most memory that this process had so far [byte]."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else most * 1024)
