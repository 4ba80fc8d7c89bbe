"""What studies, designs and spaces show to a person, in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.errors import StudyError
from costmodel.limits import LIMIT_NAMES
from costmodel.metrics import METRICS
from costmodel.presentation.metrics import BETTER, excess
from costmodel.presentation.quantities import number, percent, quantity, words
from costmodel.presentation.sheets import Page, Sheet

if TYPE_CHECKING:
    from search.evaluation import Answer
    from search.results import Design
    from search.space import Space, Variable
    from search.study import Study

MAIN = (
    "ttft", "tpot", "throughput_per_package", "unit_cost", "package_power_peak",
    "junction_temperature", "die_area",
)  # fmt: skip
"""Metrics shown beside the objectives."""
BINDING = -0.02
"""A limit binds when less than this share of it is left."""
FEW = 6
"""Choices and levels that are listed one by one."""
REPORT = "report.html"

Row = tuple[str, ...]


def status_page(study: Study) -> Page:
    """Where a study stands, from its journal alone."""
    try:
        state = study.status()
    except StudyError as error:
        return Page(f"Study {study.experiment.name!r}: {error}")
    best = (
        f"best {_title(name).lower()}: {_shown(name, value)}"
        for name, value in state["best"].items()
    )
    return Page(_heading(study, state), (_progress(state), *best))


def _heading(study: Study, state: Mapping[str, Any]) -> str:
    return f"Study {study.experiment.name!r} in {state['folder']}: {state['status']}"


def study_page(study: Study) -> Page:
    """Where a study stands, its best designs, what limits them, what to do next."""
    try:
        state = study.status()
    except StudyError:
        return status_page(study)
    title = (study.experiment.title,) if study.experiment.title else ()
    heading, lines = _heading(study, state), (*title, _progress(state))
    if not state["evaluations"]:
        return Page(heading, lines, (), ("next: study.run()",))
    report = study.folder / REPORT
    found = f"report: {report}"
    written = found if report.exists() else "no report yet: search.report.write_report(study)"
    designs = best_designs(study)
    if not designs:
        diagnosis = study.diagnosis()
        reasons = tuple(diagnosis.lines()) if diagnosis else ()
        return Page(heading, (*lines, *reasons), (), (written,))
    limits = LIMIT_NAMES if study.resolved is not None else study.problem.violation_names
    sheet = designs_sheet(designs, study.problem.objective_names, limits)
    front = f"{len(study.pareto()):,} designs that no other one beats: study.pareto()"
    return Page(heading, lines, (sheet,), (front, written, "every evaluation: study.evaluated()"))


def best_designs(study: Study) -> dict[str, Design]:
    """The designs put forward, by the pick of `Study.best`; one picked twice stands once."""
    objectives = study.problem.objective_names
    picks = ["knee", *objectives] if len(objectives) > 1 else list(objectives)
    found: dict[int, tuple[str, Design]] = {}
    for pick in picks:
        for design in study.best(pick):
            label, _ = found.get(design.number, ("", design))
            found[design.number] = (f"{label}, {pick}" if label else pick, design)
    return dict(found.values())


def designs_sheet(
    designs: Mapping[str, Design], objectives: Sequence[str], limits: Iterable[str]
) -> Sheet:
    """Designs as columns: objectives, main metrics, variables, the limits that bind."""
    first = next(iter(designs.values()))
    names = [name for name in dict.fromkeys((*objectives, *MAIN)) if name in first.metrics]
    rows: list[Row] = [
        (_title(name), *(_shown(name, design.metrics[name]) for design in designs.values()))
        for name in names
    ]
    rows += [
        (name, *(_value(design.variables[name]) for design in designs.values()))
        for name in first.variables
    ]
    kept = tuple(limits)
    rows.append(("binding limits", *(binding(design, kept) for design in designs.values())))
    rows.append(("evaluation", *(str(design.number) for design in designs.values())))
    return Sheet(tuple(rows), ("best by", *designs), align="lr")


def binding(design: Design, limits: Iterable[str]) -> str:
    """Limits of which less than 2 % is left, and those that are missed."""
    near = (
        f"{words(name)} {excess(design.violations[name])}"
        for name in limits
        if design.violations.get(name, BINDING) > BINDING
    )
    return ", ".join(near) or "none"


def design_line(design: Design) -> str:
    """A design in one line."""
    names = [name for name in ("cost_per_mtoken", "tokens_per_joule", *MAIN[:2])]
    chosen = [name for name in names if name in design.metrics] or list(design.metrics)[:3]
    shown = ", ".join(f"{words(name)} {_shown(name, design.metrics[name])}" for name in chosen)
    return f"Design(evaluation {design.number}, {_verdict(design)}: {shown})"


def design_page(design: Design) -> Page:
    """All of a design: metrics, variables, limits."""
    variables = tuple((name, _value(value)) for name, value in design.variables.items())
    return Page(
        f"Evaluation {design.number}: {_verdict(design)}",
        (),
        (
            Sheet(variables, ("variable", "value"), align="lr"),
            _metrics(design.metrics),
            _limits(design.violations),
        ),
    )


def answer_page(answer: Answer) -> Page:
    """What is said of a machine on a workload; where it goes is in its bars."""
    lines = (
        f"{answer.plan}; mapping {answer.mapping}; money: {answer.money}",
        f"bars: {', '.join(answer.bars)}",
    )
    return Page(
        f"{answer.machine} on {answer.workload}",
        lines,
        (_metrics(answer.metrics), _limits(answer.violations)),
        tuple(f"note: {note}" for note in answer.notes),
    )


def _metrics(metrics: Mapping[str, float]) -> Sheet:
    rows = tuple(
        (_title(name), name, _shown(name, value), _better(name)) for name, value in metrics.items()
    )
    return Sheet(rows, ("metric", "name", "value", "better"), align="llrl")


def _limits(violations: Mapping[str, float]) -> Sheet:
    rows = tuple(
        (f"{'✓' if value <= 0 else '✗'} {words(name)}", excess(value))
        for name, value in violations.items()
    )
    return Sheet(rows, ("limit or rule", "value"), "excess over the limit, at most 0 is met", "lr")


def space_page(space: Space) -> Page:
    """Every variable with its values."""
    rows = tuple(
        (variable.name, _range(variable), _count(variable)) for variable in space.variables
    )
    sheet = Sheet(rows, ("variable", "values", "count"), align="llr")
    return Page(
        f"Space: {number(space.size)} designs, {len(space.free)} of {len(rows)} variables free",
        (),
        (sheet,),
    )


def _range(variable: Variable) -> str:
    if not variable.size:
        scale = ", even in the logarithm" if variable.logarithmic else ""
        return f"{number(variable.low)} to {number(variable.high)}{scale}"
    if variable.size <= FEW or not variable.ordered:
        return ", ".join(map(_value, variable.levels))
    first, second, *_, last = map(_value, variable.levels)
    return f"{first}, {second} ... {last}"


def _count(variable: Variable) -> str:
    return f"{variable.size:,}" if variable.size else "any"


def _progress(state: Mapping[str, Any]) -> str:
    """Counts of a study in words."""
    evaluated, feasible = state["evaluations"], state["feasible"]
    budget = f"{state['budget']['evaluations']:,}"
    if not evaluated:
        return f"nothing evaluated yet, budget {budget} evaluations"
    return (
        f"{evaluated:,} designs evaluated of a budget of {budget} in {state['rounds']:,} rounds "
        f"and {state['seconds']:.0f} s; {feasible:,} ({percent(feasible / evaluated)}) meet every "
        "limit"
    )


def _verdict(design: Design) -> str:
    if design.feasible:
        return "meets every limit"
    return "misses " + ", ".join(words(name) for name, v in design.violations.items() if v > 0)


def _title(name: str) -> str:
    """What a metric is called; metrics of other models by their names."""
    return METRICS[name].title if name in METRICS else words(name)


def _shown(name: str, value: float) -> str:
    return quantity(value, METRICS[name].unit if name in METRICS else "1")


def _better(name: str) -> str:
    return BETTER[METRICS[name].direction] if name in METRICS else ""


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
