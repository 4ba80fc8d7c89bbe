"""What the command line does with a study: begin or go on, report, and sum up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.errors import StudyError
from search.driving import EXHAUSTED, FINISHED, INTERRUPTED
from search.export import write_best
from search.forecast import forecast
from search.meter import Meter
from search.progress import Watcher
from search.reading import Overrides, load, override_texts
from search.report.build import REPORT, write_report
from search.resolve import Resolved, resolve
from search.results import Design
from search.study import Outcome, Study


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
        As for `conclude`.

    Returns
    -------
    Summary
        With the exit status: 0, 3 without a feasible design, 130 when interrupted.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> results = TemporaryDirectory()
    >>> changes = {"budget.evaluations": 256, "sampler": {"name": "quasi_random"}}
    >>> study = Study.create("experiments/quickstart.yaml", changes, results=results.name)
    >>> summary = run_study(study, report=False)
    >>> summary.exit_code, summary.objectives
    (0, ('cost_per_mtoken', 'tokens_per_joule'))
    >>> results.cleanup()
    """
    return conclude(study, study.run(watch), report)


def conclude(study: Study, outcome: Outcome, report: bool = True) -> Summary:
    """Write the best designs and the report of a session that ended, and sum up.

    Parameters
    ----------
    study : Study
    outcome : Outcome
        Of `Study.run`.
    report : bool
        Whether to write ``report.html``, and what the best designs rest on into their files; an
        interrupted session leaves both as they were.
    """
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
        When it has no evaluations yet, and was not interrupted either.
    """
    state = study.status()
    folder = study.folder
    if not state["evaluations"] and exit_code == 130:
        return Summary(state, {}, (), 0, (), None, _next_steps(folder, 130, False), 130)
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


def preview(
    path: str | Path,
    overrides: Overrides = (),
    results: str | Path = "results",
    name: str | None = None,
) -> dict[str, Any]:
    """What a run would do, from its experiment and a few timed evaluations; writes nothing.

    Raises
    ------
    ConfigError
        As a run would.

    Examples
    --------
    >>> plan = preview("experiments/quickstart.yaml", {"budget.evaluations": 5000})
    >>> plan["evaluations at most"], plan["variables"]
    (5000, 19)
    """
    named = [f"name={name}"] if name else []
    resolved = resolve(load(path, override_texts(overrides) + named))
    folder = Path(results) / resolved.experiment.name
    return _plan(resolved, folder, {"exists": folder.exists()}, 0)


def preview_resume(folder: str | Path, overrides: Overrides = ()) -> dict[str, Any]:
    """What going on with a study would do; the study stays as it is.

    Raises
    ------
    ConfigError, StudyError
        As a resume would.
    """
    study = Study.resume(folder, overrides)
    if study.resolved is None:
        raise StudyError(f"{folder} is not made of an experiment", expected="one that can be timed")
    state = study.status()
    meter = Meter()
    meter.restore(state["meter"])
    done = {"status": state["status"], "evaluations so far": meter.charged}
    return _plan(study.resolved, study.folder, done, meter.charged)


def _plan(resolved: Resolved, folder: Path, more: dict[str, Any], spent: int) -> dict[str, Any]:
    experiment, problem = resolved.experiment, resolved.problem
    cost = forecast(resolved, spent)
    new = [] if spent else ["experiment.yaml", "manifest.json"]
    return {
        "name": experiment.name,
        "folder": str(folder),
        **more,
        "variables": len(problem.space.free),
        "designs in the space": problem.space.size,
        "objectives": list(problem.objective_names),
        "limits and rules": list(problem.violation_names),
        "evaluations at most": experiment.budget.evaluations,
        "seconds at most": experiment.budget.seconds,
        "expected evaluations": round(cost.evaluations),
        "expected designs": round(cost.designs),
        "designs a second": cost.rate,
        "seconds an evaluation, sampler by sampler": {
            pace.sampler: pace.seconds for pace in cost.paces
        },
        "expected seconds": cost.seconds,
        "memory bytes": cost.memory,
        "disk bytes": cost.disk,
        "files": [
            *new,
            "study.journal",
            f"evaluations/ ({cost.rounds:.0f} files)",
            f"state/ (up to {cost.rounds:.0f} files)",
            "pareto.csv",
            "best/*.yaml",
            REPORT,
        ],
        "warnings": list(resolved.warnings),
    }


def check(path: str | Path) -> dict[str, Any]:
    """Validate one experiment; what it searches, in a few words.

    >>> check("experiments/quickstart.yaml")["objectives"]
    ['cost_per_mtoken', 'tokens_per_joule']

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
