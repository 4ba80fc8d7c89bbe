"""What overlapping rounds gain: a sampler thinks while designs are evaluated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from experiments.shows.harness import Line
from search.problem import Batch, Outcome
from search.study import Study

ROOT = Path(__file__).resolve().parents[2]
CASES = (
    ("tpe", "{batch: 16, startup: 32}", 320, 0.0),
    ("tpe", "{batch: 16, startup: 32}", 320, 0.25),
    ("gp", "{batch: 2, startup: 8}", 24, 3.0),
)
"""Sampler, options, proposals, and seconds that an evaluation takes beside the cost model's."""


def measure(folder: Path) -> Iterator[Line]:
    """The same search one batch after the other and with two in evaluation, side by side."""
    for number, (sampler, options, evaluations, pause) in enumerate(CASES):
        seconds = {
            mode: _seconds(folder / f"{number}-{mode}", mode, sampler, options, evaluations, pause)
            for mode in ("sync", "async")
        }
        with_pause = f" and {pause:g} s a batch" if pause else ""
        yield Line(
            f"{sampler}, {evaluations} proposals, the cost model{with_pause}: sync, async",
            "",
            f"{seconds['sync']:.1f} s, {seconds['async']:.1f} s: "
            f"{seconds['sync'] / seconds['async']:.2f}x as fast",
        )


def _seconds(
    folder: Path, mode: str, sampler: str, options: str, evaluations: int, pause: float
) -> float:
    """Time that so many proposals take [s]."""
    study = Study.create(
        ROOT / "experiments/quickstart.yaml",
        [
            f"sampler={{name: {sampler}, options: {options}}}",
            f"budget={{evaluations: {evaluations}}}",
            f"execution={{mode: {mode}, in_flight: 2}}",
        ],
        results=folder,
    )
    problem = study.problem
    judge = problem.judge

    def slow(batch: Batch) -> Outcome:
        time.sleep(pause)
        return judge(batch)

    problem.judge = slow  # type: ignore[method-assign]
    start = time.perf_counter()
    study.run()
    return (time.perf_counter() - start) * evaluations / problem.meter.proposed
