"""Figures of a study for a notebook: plotly objects, drawn from what is committed so far."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Literal

from plotly import graph_objects

from costmodel.errors import ConfigError, StudyError, nearest
from costmodel.metrics import METRICS
from search.display import words
from search.report import plots
from search.report.content import Best, Measure
from search.report.convergence import convergence
from search.report.sample import sample
from search.study import Study


def plot_pareto(
    study: Study, across: str | None = None, upward: str | None = None
) -> graph_objects.Figure:
    """The designs of a study, its front, and stars where the best ones are.

    Parameters
    ----------
    study : Study
    across, upward : str, optional
        Metrics of the two axes; by default the first objectives.

    Raises
    ------
    ConfigError
        A metric that the study does not have, with the nearest one.
    StudyError
        When nothing is evaluated yet.
    """
    _read(study)
    names = study.problem.objective_names
    first = across or names[0]
    others = [name for name in (*names, *study.problem.metric_names) if name != first]
    cloud = sample(study, _objectives(study))
    second = _measure(study, upward or others[0])
    return plots.plot_pareto(cloud, _measure(study, first), second, _best(study))


def plot_convergence(
    study: Study, against: Literal["evaluations", "seconds"] = "evaluations"
) -> graph_objects.Figure:
    """Best feasible values and the hypervolume of the front after every round."""
    _read(study)
    progress = convergence(study)
    assert progress is not None
    return plots.plot_convergence(progress, _objectives(study), against)


def plot_coordinates(study: Study) -> graph_objects.Figure:
    """Feasible designs as lines through their variables and objectives; drag along an axis."""
    _read(study)
    free = [variable for variable in study.problem.space.variables if not variable.fixed]
    variables = [Measure(variable.name, words(variable.name), "count") for variable in free]
    labels: dict[str, Sequence[str]] = {
        item.name: item.levels for item in free if item.size and not item.ordered
    }
    objectives = _objectives(study)
    return plots.plot_coordinates(sample(study, objectives), variables, objectives, labels)


def _read(study: Study) -> None:
    if not study.status()["evaluations"]:
        raise StudyError(f"{study.folder} has no evaluations yet", next_step="study.run()")
    study.pareto()  # reads what is committed


def _objectives(study: Study) -> tuple[Measure, ...]:
    return tuple(_measure(study, name) for name in study.problem.objective_names)


def _measure(study: Study, name: str) -> Measure:
    """A metric with the direction of its objective, else its own."""
    known = study.problem.metric_names
    if name not in known:
        raise ConfigError(
            f"no metric {name!r}",
            expected="one of " + ", ".join(known),
            suggestions=nearest(name, known),
        )
    goals = {
        goal.metric: "maximize" if goal.maximize else "minimize" for goal in study.problem.goals
    }
    spec = METRICS.get(name)
    if spec is None:
        return Measure(name, words(name), "1", goals.get(name, ""))
    return Measure(name, spec.title, spec.unit, goals.get(name, spec.direction), spec.definition)


def _best(study: Study) -> list[Best]:
    """The designs put forward, with a letter each."""
    names = study.problem.objective_names
    picks = ("knee", *names) if len(names) > 1 else names
    found = {
        design.number: (pick, design) for pick in reversed(picks) for design in study.best(pick)
    }
    return [
        Best(mark, pick, f"evaluation {design.number}", "", design.metrics, (), ())
        for mark, (pick, design) in zip(ascii_uppercase, reversed(found.values()), strict=False)
    ]
