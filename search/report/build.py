"""A study's report: read what it found, evaluate rivals beside it, write one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import torch

from costmodel.errors import StudyError
from costmodel.metrics import METRICS
from search.evaluation import MONEY, Machine
from search.executors.local import single_threaded
from search.report.beside import Contender, bars_beside
from search.report.content import Beside, Measure, ReportData
from search.report.convergence import convergence
from search.report.designs import Examined, drawings, examine
from search.report.grounding import assumed, sources
from search.report.headline import closest, headline
from search.report.provenance import counts, provenance, reproduce
from search.report.relief import reliefs
from search.report.render import render_report
from search.report.roofline import roofline
from search.report.sample import sample
from search.resolve import Resolved
from search.results import design_at
from search.rivals import Contest, Entrant, enter
from search.storage import write_atomically
from search.study import Study
from search.variables import split_name

REPORT = "report.html"
NEAREST = "misses the limits by least"


def write_report(study: Study, rivals: bool = True) -> Path:
    """Write ``report.html`` into a study's folder.

    Parameters
    ----------
    study : Study
        Made of an experiment; its evaluations are read when they are not yet.
    rivals : bool
        Whether to evaluate the experiment's rivals beside the best designs.

    Returns
    -------
    Path
        The file.
    """
    with single_threaded():  # small batches: more threads only wait for each other
        data = report_data(study, rivals)
    path = study.folder / REPORT
    write_atomically(path, render_report(data).encode())
    return path


def report_data(study: Study, rivals: bool = True) -> ReportData:
    """The records of a study's report.

    Raises
    ------
    StudyError
        When nothing was evaluated yet.
    """
    study.pareto()  # reads what is committed
    resolved = study.resolved
    if resolved is None:
        raise TypeError("a report needs a study of an experiment")
    if study.problem.archive.count == 0:
        folder = study.folder
        raise StudyError(f"{folder} has no evaluations yet", next_step=f"scoville resume {folder}")
    objectives = tuple(
        measure(goal.metric, "maximize" if goal.maximize else "minimize")
        for goal in study.problem.goals
    )
    diagnosis = study.diagnosis()
    picked = {NEAREST: diagnosis.joint.design} if diagnosis else chosen(study, objectives)
    examined = [
        examine(resolved.model, design_at(study.problem, row), mark, label, objectives)
        for mark, (label, row) in zip(ascii_uppercase, picked.items(), strict=False)
    ]
    entrants = _entrants(resolved, objectives, examined) if rivals else ()
    lines = tuple(entrant.line for entrant in entrants)
    best = tuple(item.best for item in examined)
    progress = convergence(study)
    given = reliefs(study.problem)
    return ReportData(
        title=study.experiment.title or study.experiment.name,
        question=f"{resolved.model.workload.model.name}: {resolved.model.workload.scenario.title}",
        headline=headline(study.status(), objectives, best, lines, diagnosis, progress, given),
        objectives=objectives,
        measures={name: measure(name) for name in METRICS},
        variables=_variables(study),
        cloud=sample(study, objectives, tuple(picked.values())),
        best=best,
        rivals=lines,
        progress=progress,
        counts=counts(study),
        beside=_beside(resolved, examined, entrants, objectives),
        reliefs=given,
        relaxations=tuple(diagnosis.lines()) if diagnosis else (),
        assumptions=assumed(examined),
        sources=sources(resolved.model.technology, examined),
        warnings=resolved.warnings,
        provenance=provenance(study),
        reproduce=reproduce(study),
        labels={
            variable.name: tuple(variable.levels)
            for variable in study.problem.space.variables
            if variable.size and not variable.ordered
        },
    )


def measure(name: str, direction: str | None = None) -> Measure:
    """A metric of the registry as a measure."""
    spec = METRICS[name]
    return Measure(name, spec.title, spec.unit, direction or spec.direction, spec.definition)


def _variables(study: Study) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            variable.name,
            variable.name.replace("_", " "),
            "count",
            definition=split_name(variable.name)[1].title,
        )
        for variable in study.problem.space.variables
        if not variable.fixed
    )


def chosen(study: Study, objectives: Sequence[Measure]) -> dict[str, int]:
    """Label and row of the designs put forward, each design once."""
    picks = [("knee", "knee")] if len(objectives) > 1 else []
    for item in objectives:
        word = "highest" if item.direction == "maximize" else "lowest"
        picks.append((f"{word} {item.title[:1].lower()}{item.title[1:]}", item.name))
    rows: dict[int, str] = {}
    for label, pick in picks:
        for design in study.best(pick):
            rows[design.number] = (
                f"{rows[design.number]}, {label}" if design.number in rows else label
            )
    return {label: row for row, label in rows.items()}


def _entrants(
    resolved: Resolved, objectives: tuple[Measure, ...], examined: Sequence[Examined]
) -> tuple[Entrant, ...]:
    if not resolved.experiment.rivals:
        return ()
    model = resolved.model
    row = int(model.decoder.template.pools[0].deployment.format)
    contest = Contest(
        workload=model.workload,
        technology=model.technology,
        limits=model.limits,
        objectives=objectives,
        format=model.technology.names("format")[row],
    )
    ours = [Machine(item.best.mark, f"ours, {item.best.mark}", item.designs) for item in examined]
    return enter(contest, resolved.experiment.rivals, ours)


def _beside(
    resolved: Resolved,
    examined: Sequence[Examined],
    entrants: Sequence[Entrant],
    objectives: Sequence[Measure],
) -> Beside | None:
    """The first design beside the closest rival, and beside none when there is none."""
    if not examined:
        return None
    model, lead = resolved.model, examined[0]
    contenders = [Contender(lead.best.mark, lead.designs, lead.metrics)]
    lines = [entrant.line for entrant in entrants]
    monies = dict.fromkeys((resolved.experiment.money, *MONEY))
    rival = next(
        (found for money in monies if (found := closest(objectives[0], lines, money)) is not None),
        None,
    )
    if rival is not None:
        designs = next(entrant.designs for entrant in entrants if entrant.line is rival)
        with torch.no_grad():
            contenders.append(Contender(rival.name, designs, model.evaluate(designs)))
    machines = {item.name: item.designs for item in contenders}
    return Beside(
        ours=lead.best.mark,
        rival=rival.title if rival else "",
        short=rival.name if rival else "",
        bars=bars_beside(contenders, model.workload),
        roofline=roofline(model, machines),
        drawings=tuple(
            drawing
            for name, designs in machines.items()
            for drawing in drawings(model, designs, name)
        ),
    )
