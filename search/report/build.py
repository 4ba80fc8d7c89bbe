"""A study's report: read what it found, evaluate rivals beside it, write one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import numpy.typing as npt
import torch

from costmodel.hardware.technology import Technology
from costmodel.metrics import METRICS
from search import manifest
from search.display import number
from search.evaluation import Machine
from search.evidence import Influence
from search.executors.local import single_threaded
from search.pareto import front, hypervolume
from search.report.content import (
    Array,
    Assumption,
    Cloud,
    Flags,
    Measure,
    Progress,
    ReportData,
    Rival,
    Source,
)
from search.report.designs import Examined, examine
from search.report.headline import headline
from search.report.render import render_report
from search.resolve import Resolved
from search.results import design_at
from search.rivals import Contest, compare
from search.rounds import JOURNAL
from search.storage import read_commits, write_atomically
from search.study import Study

Rows = npt.NDArray[np.int64]

REPORT = "report.html"
MOST_POINTS = 1500
"""Designs drawn of each group besides the front."""
SOFT = ("assumed", "estimated")
MOST_ASSUMPTIONS = 60
COUNTS = {
    "evaluated": "distinct designs evaluated, every metric",
    "repeated": "proposed twice in a batch, evaluated once",
    "cached": "proposed again later, answered from the study",
    "pruned": "discarded by a bound",
    "gradient_steps": "forward and backward passes of a design",
    "mappings": "mappings of operators weighed",
}


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
        data, labels = report_data(study, rivals)
    path = study.folder / REPORT
    write_atomically(path, render_report(data, labels).encode())
    return path


def report_data(study: Study, rivals: bool = True) -> tuple[ReportData, dict[str, Sequence[str]]]:
    """The records of a study's report, and the names of the choices of its variables."""
    study.pareto()  # reads what is committed
    resolved = study.resolved
    if resolved is None:
        raise TypeError("a report needs a study of an experiment")
    objectives = tuple(
        measure(goal.metric, "maximize" if goal.maximize else "minimize")
        for goal in study.problem.goals
    )
    examined = [
        examine(resolved.model, design_at(study.problem, row), mark, label)
        for mark, (label, row) in zip(
            ascii_uppercase, chosen(study, objectives).items(), strict=False
        )
    ]
    beside = _rivals(resolved, objectives, examined) if rivals else ()
    diagnosis = study.diagnosis()
    best = tuple(item.best for item in examined)
    technology = resolved.model.technology
    assumptions = assumed(examined)
    data = ReportData(
        title=study.experiment.title or study.experiment.name,
        question=f"{resolved.model.workload.model.name}: {resolved.model.workload.scenario.title}",
        headline=headline(study.status(), objectives, best, beside, diagnosis),
        objectives=objectives,
        measures={name: measure(name) for name in METRICS},
        variables=tuple(
            Measure(variable.name, variable.name.replace("_", " "), "count")
            for variable in study.problem.space.variables
            if not variable.fixed
        ),
        cloud=draw(study, objectives),
        best=best,
        rivals=beside,
        progress=convergence(study),
        counts=_counts(study),
        relaxations=tuple(diagnosis.lines()) if diagnosis else (),
        assumptions=assumptions,
        sources=_sources(technology, examined),
        warnings=(*resolved.warnings, *_reach(examined)),
        provenance=_provenance(study),
        reproduce=_reproduce(study),
    )
    labels: dict[str, Sequence[str]] = {
        variable.name: variable.levels
        for variable in study.problem.space.variables
        if variable.size and not variable.ordered
    }
    return data, labels


def measure(name: str, direction: str | None = None) -> Measure:
    """A metric of the registry as a measure."""
    spec = METRICS[name]
    return Measure(name, spec.title, spec.unit, direction or spec.direction, spec.definition)


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


def draw(study: Study, objectives: Sequence[Measure]) -> Cloud:
    """A sample of the designs, evenly over the study, with the whole front."""
    archive, space = study.problem.archive, study.problem.space
    minimised, feasible = _judged(study)
    on_front = np.zeros(archive.count, dtype=bool)
    on_front[front(minimised, feasible)] = True
    groups = (on_front, feasible & ~on_front, ~feasible)
    shown = np.sort(np.concatenate([_sample(np.flatnonzero(group)) for group in groups]))
    x = archive["x"][shown]
    columns: dict[str, Array] = {
        item.name: archive["metrics"][shown, study.problem.metric_names.index(item.name)]
        for item in objectives
    }
    values = space.columns(x)
    for index, variable in enumerate(space.variables):
        if not variable.fixed:
            choice = bool(variable.size) and not variable.ordered
            columns[variable.name] = x[:, index] if choice else values[variable.name].astype(float)
    keys = tuple(f"evaluation {row}" for row in shown)
    return Cloud(columns, feasible[shown], on_front[shown], keys)


def _judged(study: Study) -> tuple[Array, Flags]:
    """Objectives, minimised ``[N,M]``, and which designs meet every limit ``[N]``."""
    archive = study.problem.archive
    objectives = study.problem.objectives(torch.from_numpy(archive["metrics"])).numpy()
    return objectives, np.asarray((archive["violations"] <= 0).all(1), dtype=np.bool_)


def _sample(rows: Rows) -> Rows:
    if len(rows) <= MOST_POINTS:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(np.int64)])


def convergence(study: Study) -> Progress | None:
    """Best values and hypervolume after every round; None before the first."""
    commits = read_commits(study.folder / JOURNAL)
    if not commits:
        return None
    counts = [int(commit["evaluations"]) for commit in commits]
    best = {
        name: np.array([commit["best"].get(name, np.nan) for commit in commits])
        for name in study.problem.objective_names
    }
    return Progress(
        evaluations=np.array(counts, dtype=float),
        seconds=np.array([float(commit["seconds"]) for commit in commits]),
        hypervolume=_hypervolumes(study, counts),
        best=best,
    )


def _hypervolumes(study: Study, counts: Sequence[int]) -> Array:
    """Hypervolume after each round as a share of the last; empty with one objective."""
    objectives, feasible = _judged(study)
    final = objectives[front(objectives, feasible)]
    if objectives.shape[1] < 2 or len(final) < 2:
        return np.zeros(0)
    reference = final.max(0) + 0.1 * (final.max(0) - final.min(0))
    kept = np.zeros(0, dtype=int)
    begin, volumes = 0, []
    for count in counts:
        rows = np.concatenate([kept, np.arange(begin, count)])
        kept = rows[front(objectives[rows], feasible[rows])]
        volumes.append(hypervolume(objectives[kept], reference))
        begin = count
    return np.array(volumes) / volumes[-1]


def _rivals(
    resolved: Resolved, objectives: tuple[Measure, ...], examined: Sequence[Examined]
) -> tuple[Rival, ...]:
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
    return compare(contest, resolved.experiment.rivals, ours)


def assumed(examined: Sequence[Examined]) -> tuple[Assumption, ...]:
    """Assumed and estimated numbers behind the designs, those that move a metric most first."""
    strongest: dict[str, tuple[float, str, Influence]] = {}
    for item in examined:
        for metric, influences in item.grounds.influences.items():
            for influence in influences:
                if influence.value.kind not in SOFT:
                    continue
                weight = max(influence.swing, abs(influence.elasticity))
                if weight > strongest.get(influence.name, (0.0,))[0]:
                    strongest[influence.name] = (weight, metric, influence)
    ordered = sorted(strongest.values(), key=lambda entry: -entry[0])[:MOST_ASSUMPTIONS]
    return tuple(_assumption(metric, influence) for _, metric, influence in ordered)


def _assumption(metric: str, influence: Influence) -> Assumption:
    value = influence.value
    bounds = "" if value.range is None else " to ".join(number(end) for end in value.range)
    effect = f"1 % of it moves {METRICS[metric].title.lower()} by {influence.elasticity:+.2f} %"
    return Assumption(
        name=influence.name,
        value=f"{number(value.value)} {value.unit}".removesuffix(" 1"),
        range=bounds,
        kind=value.kind,
        source=", ".join(value.source),
        note="; ".join(part for part in (effect, value.note) if part),
    )


def _sources(technology: Technology, examined: Sequence[Examined]) -> tuple[Source, ...]:
    """Sources of every number that moves a metric of a design put forward."""
    used = {
        key
        for item in examined
        for influences in item.grounds.influences.values()
        for influence in influences
        for key in influence.value.source
    }
    return tuple(
        Source(source.key, " ".join(part for part in (source.title, source.note) if part))
        for source in technology.citations(iter(sorted(used)))
    )


def _reach(examined: Sequence[Examined]) -> list[str]:
    """What lies outside the known chips, by design."""
    return [
        f"{item.best.mark} lies outside what the known chips span by {item.grounds.reach()}."
        for item in examined
        if item.grounds.outside
    ]


def _counts(study: Study) -> dict[str, str]:
    status = study.status()
    counts = {
        text: f"{status['meter'].get(name, 0):,}"
        for name, text in COUNTS.items()
        if status["meter"].get(name, 0)
    }
    counts["designs that meet every limit"] = f"{status['feasible']:,}"
    counts["rounds"] = f"{status['rounds']:,}"
    counts["time of the search"] = f"{status['seconds']:.0f} s"
    return counts


def _provenance(study: Study) -> dict[str, str]:
    content = manifest.read(study.folder)
    facts = {key: content.get(key) for key in ("scoville", "commit", "seed", "created")}
    facts |= {f"fingerprint of {key}": value for key, value in content["fingerprints"].items()}
    facts |= content["environment"]
    for number_, session in enumerate(content["sessions"], start=1):
        machine = session.get("machine", {})
        facts[f"session {number_}"] = (
            f"{session.get('status', 'running')}, {session.get('seconds', 0)} s, "
            f"{machine.get('cores')} cores, {machine.get('system')}"
        )
    return {key: str(value) for key, value in facts.items() if value not in (None, "")}


def _reproduce(study: Study) -> tuple[str, ...]:
    return (
        f"scoville run {study.folder / 'experiment.yaml'} --name again   # the same search",
        f"scoville resume {study.folder} -S budget.evaluations=+100000   # more of it",
        f"scoville export {study.folder} --pick knee --to yaml,json -o best/",
    )
