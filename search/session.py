"""What the command line does with a study: begin or go on, report, and sum up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.errors import StudyError
from search import manifest
from search.export import write_best
from search.problem import CHUNK
from search.progress import Watcher, duration
from search.reading import load
from search.report.build import REPORT, write_report
from search.resolve import resolve
from search.results import Design
from search.samplers.quasi_random import QuasiRandom
from search.study import EXHAUSTED, FINISHED, INTERRUPTED, Study, status

TIMED_BATCHES = 3


@dataclass(frozen=True)
class Summary:
    """A study at the end of a session.

    ``designs`` are the ones put forward by what they were picked for; ``reasons`` say why nothing
    is feasible.
    """

    status: dict[str, Any]
    designs: dict[str, Design]
    objectives: tuple[str, ...]
    front: int
    reasons: tuple[str, ...]
    report: Path | None
    next_steps: tuple[str, ...]
    exit_code: int

    def record(self) -> dict[str, Any]:
        """The same as plain containers."""
        return {
            **self.status,
            "front": self.front,
            "designs": {
                pick: {
                    "evaluation": design.number,
                    "variables": design.variables,
                    "metrics": design.metrics,
                    "violations": design.violations,
                }
                for pick, design in self.designs.items()
            },
            "no_feasible_design": list(self.reasons),
            "report": str(self.report) if self.report else None,
        }


def run_study(study: Study, watch: Watcher | None = None, report: bool = True) -> Summary:
    """Run a study until its budget is spent, write its best designs and its report, sum up.

    Parameters
    ----------
    study : Study
        From `Study.create` or `Study.resume`.
    watch : callable, optional
        Told about every round.
    report : bool
        Whether to write ``report.html``, and what the best designs rest on into their files; an
        interrupted session leaves both as they were.

    Returns
    -------
    Summary
        With the exit status: 0, 3 without a feasible design, 130 when interrupted.
    """
    outcome = study.run(watch)
    if outcome.status == INTERRUPTED:
        return summarise(study, exit_code=130)
    if report:
        write_best(study)
        write_report(study)
    return summarise(study, exit_code=outcome.exit_code)


def finished(study: Study, report: bool = True) -> Summary | None:
    """Sum up a study that ended by itself; None for one that was stopped or killed.

    A missing report is written.
    """
    if study.status()["status"] not in (FINISHED, EXHAUSTED):
        return None
    if report and not (study.folder / REPORT).exists():
        write_report(study)
    return summarise(study, exit_code=0 if study.status()["feasible"] else 3)


def summarise(study: Study, exit_code: int = 0) -> Summary:
    """A study as it stands.

    Raises
    ------
    StudyError
        When it has no evaluations yet.
    """
    state = study.status()
    folder = study.folder
    if not state["evaluations"]:
        raise StudyError(f"{folder} has no evaluations yet", next_step=f"scoville resume {folder}")
    front = study.pareto()
    picks = ["knee", *study.problem.objective_names]
    if len(study.problem.objective_names) == 1:
        picks.remove("knee")  # it is the best one
    diagnosis = study.diagnosis()
    report = folder / REPORT
    return Summary(
        status=state,
        designs={pick: design for pick in picks for design in study.best(pick)},
        objectives=study.problem.objective_names,
        front=len(front),
        reasons=tuple(diagnosis.lines()) if diagnosis else (),
        report=report if report.exists() else None,
        next_steps=_next_steps(folder, exit_code, report.exists()),
        exit_code=exit_code,
    )


def _next_steps(folder: Path, exit_code: int, report: bool) -> tuple[str, ...]:
    if exit_code == 130:
        return (f"scoville resume {folder}",)
    steps = [f"open {folder / REPORT}"] if report else []
    if exit_code == 0:
        steps.append(f"scoville export {folder} --pick knee --to yaml,json -o best/")
    steps.append(f"scoville resume {folder} -S budget.evaluations=+100000")
    return tuple(steps)


def studies(results: Path) -> list[dict[str, Any]]:
    """Where each study under a folder stands, by name."""
    folders = sorted(path.parent for path in results.glob(f"*/{manifest.MANIFEST}"))
    return [status(folder) for folder in folders]


def preview(
    path: str | Path, overrides: Sequence[str], results: Path, name: str | None
) -> dict[str, Any]:
    """What a run would do, from its experiment and a few timed evaluations; writes nothing.

    Raises
    ------
    ConfigError
        As a run would.
    """
    loaded = load(path, [*overrides, f"name={name}"] if name else overrides)
    resolved = resolve(loaded)
    experiment, problem = resolved.experiment, resolved.problem
    proposer = QuasiRandom(problem, QuasiRandom.options_class(batch=CHUNK))
    state = proposer.initial()
    begin = time.perf_counter()
    for number in range(TIMED_BATCHES):
        x = proposer.propose(state, number, experiment.seed)
        evaluation = problem.evaluate(x)
        state = proposer.update(state, x, evaluation)
    seconds = time.perf_counter() - begin
    rate = problem.meter.evaluated / seconds
    evaluations = min(float(experiment.budget.evaluations), problem.space.size)
    expected = min(evaluations / rate, experiment.budget.seconds or float("inf"))
    width = len(problem.space.names) + len(problem.metric_names) + len(problem.violation_names)
    return {
        "name": experiment.name,
        "folder": str(results / experiment.name),
        "exists": (results / experiment.name).exists(),
        "variables": len(problem.space.free),
        "designs in the space": problem.space.size,
        "objectives": list(problem.objective_names),
        "limits and rules": list(problem.violation_names),
        "evaluations at most": experiment.budget.evaluations,
        "designs a second": rate,
        "expected time": duration(expected),
        "memory of the evaluations": f"{8 * width * evaluations / 1e6:.0f} MB",
        "warnings": list(resolved.warnings),
    }


def check(path: str | Path) -> dict[str, Any]:
    """Validate one experiment; what it searches, in a few words.

    Raises
    ------
    ConfigError
        The first thing that is wrong.
    """
    resolved = resolve(load(path))
    problem = resolved.problem
    return {
        "file": str(path),
        "name": resolved.experiment.name,
        "variables": len(problem.space.free),
        "designs": problem.space.size,
        "objectives": list(problem.objective_names),
        "warnings": list(resolved.warnings),
    }
