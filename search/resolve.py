"""From an experiment to a problem and a sampler: names looked up, units converted."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import ValidationError

from costmodel.errors import ScovilleError, nearest
from costmodel.hardware.catalog import Chip, load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import METRICS
from costmodel.numerics.units import split_suffix, to_si
from costmodel.workload.loading import load_workload
from costmodel.workload.operators import Workload
from search.decoding import Decoder, paths
from search.experiment import Choices, Experiment, Numbers, SamplerFile
from search.pricing import CostModel
from search.problem import Goal, Problem
from search.reading import Loaded, sentence
from search.samplers import SAMPLERS, Options, Phase, Phases, Proposer, refusal, refuses_late
from search.space import Space, Variable
from search.variables import (
    BY_NAME,
    KNOBS,
    MAPPING_MAY,
    MAPPING_NEEDS,
    ROLES,
    Knob,
    canonical_rules,
    split_name,
)

MOST_LEVELS = 100_000


@dataclass(frozen=True)
class Resolved:
    """An experiment that can run."""

    experiment: Experiment
    problem: Problem
    proposer: Proposer
    model: CostModel
    warnings: tuple[str, ...]


def resolve(loaded: Loaded) -> Resolved:
    """Look up every name of an experiment and build what runs it.

    Raises
    ------
    ConfigError
        About the first thing that is wrong, at its line.
    """
    technology = load_technology()
    workload = _workload(loaded)
    template = _template(loaded, technology)
    space = build_space(loaded, technology, template)
    limits = _limits(loaded, technology)
    goals = _goals(loaded)
    for index, rival in enumerate(loaded.experiment.rivals):
        _chip(loaded, ("rivals", index), rival, technology)
    model = CostModel(Decoder(space, template), workload, technology, limits)
    problem = Problem(space, model, goals)
    sampler, proposer = build_sampler(loaded, problem)
    _check_execution(loaded, proposer)
    experiment = loaded.experiment.model_copy(update={"sampler": sampler})
    return Resolved(experiment, problem, proposer, model, tuple(_warnings(experiment, space)))


def _check_execution(loaded: Loaded, proposer: Proposer) -> None:
    """Results may come late only for a sampler that can do without them for a while."""
    reason = refuses_late(proposer)
    if loaded.experiment.execution.mode == "async" and reason:
        able = ", ".join(sampler.name for sampler in SAMPLERS.values() if sampler.late_results)
        loaded.source.fail(
            ("execution", "mode"),
            f"{proposer.name} cannot learn late ({reason})",
            expected=f"sync, or one of {able}",
        )


def located(loaded: Loaded, name: str) -> str:
    """A path beside the experiment's file or below the current folder; a name stays as it is."""
    path = loaded.input_file(name)
    return name if path is None else str(path)


def _workload(loaded: Loaded) -> Workload:
    experiment = loaded.experiment
    model, scenario = located(loaded, experiment.model), located(loaded, experiment.scenario)
    try:
        workload = load_workload(model, "interactive")
    except ScovilleError as error:
        loaded.source.repeat(("model",), error)
    try:
        workload = load_workload(model, scenario)
    except ScovilleError as error:
        loaded.source.repeat(("scenario",), error)
    changed = dataclasses.replace(workload.scenario, volume=experiment.volume)
    return dataclasses.replace(workload, scenario=changed)


def _chip(loaded: Loaded, at: tuple[str | int, ...], name: str, technology: Technology) -> Chip:
    try:
        return load_chip(located(loaded, name), technology)
    except ScovilleError as error:
        loaded.source.repeat(at, error)


def _template(loaded: Loaded, technology: Technology) -> Designs:
    """The system that gives what is not searched, under the experiment's mapping mode."""
    experiment = loaded.experiment
    designs = _chip(loaded, ("template",), experiment.template, technology).designs
    return with_mapping_mode(designs, technology, experiment.mapping_mode)


def with_mapping_mode(designs: Designs, technology: Technology, mode: str) -> Designs:
    """The same system with every pool's software record of the given mapping mode.

    Mode ``library`` takes the record of the engine as shipped, the others that of its best.
    """
    names = technology.names("software")
    record = "shipped" if mode == "library" else "optimal"
    pools = []
    for pool in designs.pools:
        engine = names[int(pool.software)].rpartition("_")[0]
        row = technology.row("software", f"{engine}_{record}")
        pools.append(dataclasses.replace(pool, software=torch.tensor(row)))
    return Designs(tuple(pools))


def build_space(loaded: Loaded, technology: Technology, template: Designs) -> Space:
    """The space of an experiment; variables in the order of the registry."""
    variables = []
    for role in ("", *ROLES):
        part: Any = getattr(loaded.experiment.space, role) if role else loaded.experiment.space
        if part is None:
            continue
        at = ("space", role) if role else ("space",)
        given = [knob.name for knob in KNOBS if getattr(part, knob.name) is not None]
        pools = [pool for pool in template.pools if not role or pool.role == role]
        if not pools:
            loaded.source.fail(
                at, f"the template has no {role} pool", expected="one with that role"
            )
        for side in ("array_rows", "array_columns"):
            if "array" in given and side in given:
                loaded.source.fail((*at, side), f"{side} beside array", expected="one of them")
        for name in given:
            knob = BY_NAME[name]
            _check_target(loaded, (*at, name), knob, pools)
            full = f"{role}.{name}" if role else name
            variables.append(
                _variable(loaded, (*at, name), full, knob, getattr(part, name), technology)
            )
    _check_mapping(loaded, variables)
    if not any(not variable.fixed for variable in variables):
        loaded.source.fail(("space",), "nothing to search", expected="a list or a range")
    names = tuple(variable.name for variable in variables)
    return Space(tuple(variables), canonical_rules(names))


def _check_mapping(loaded: Loaded, variables: list[Variable]) -> None:
    """Tiles are variables in mode ``fixed`` and in no other, and then all of them."""
    fixed = loaded.experiment.mapping_mode == "fixed"
    stems = {split_name(variable.name)[1].name for variable in variables}
    given = [name for name in (*MAPPING_NEEDS, *MAPPING_MAY) if name in stems]
    if given and not fixed:
        loaded.source.fail(
            ("space", given[0]),
            f"{given[0]} with mapping_mode {loaded.experiment.mapping_mode}",
            expected="mapping_mode: fixed, or no tiles: the best ones are looked for",
        )
    missing = [name for name in MAPPING_NEEDS if name not in stems]
    if fixed and missing:
        loaded.source.fail(
            ("mapping_mode",),
            "fixed, without " + ", ".join(missing),
            expected="these variables under space",
        )


def _check_target(loaded: Loaded, at: tuple[str, ...], knob: Knob, pools: list[Any]) -> None:
    for pool in pools:
        missing = [
            tier
            for tier in ("memory", "network")
            if any(f"package.{tier}." in path for path in knob.targets)
            and not getattr(pool.package, tier)
        ]
        if missing or not list(paths(knob, pool)):
            what = f"{missing[0]} tier" if missing else "compute die"
            loaded.source.fail(at, f"the template has no {what}", expected="one to put it in")


def _variable(
    loaded: Loaded,
    at: tuple[str, ...],
    name: str,
    knob: Knob,
    given: Choices | Numbers,
    technology: Technology,
) -> Variable:
    if isinstance(given, Choices):
        return _choice(loaded, at, name, knob, given, technology)
    levels = _levels(loaded, at, knob, given)
    if levels is None:
        low, high = (float(end) for end in given.range or (0.0, 0.0))
        _check_number(loaded, at, knob, low)
        _check_number(loaded, at, knob, high)
        return Variable(
            name, (), (), low, high, logarithmic=given.log, relaxable=knob.relaxable and low > 0
        )
    for level in levels:
        _check_number(loaded, at, knob, level)
    shown = tuple(int(v) if knob.kind == "count" else float(v) for v in levels)
    relaxable = knob.relaxable and len(levels) > 1 and levels[0] > 0
    return Variable(
        name, shown, tuple(map(float, levels)), levels[0], levels[-1], relaxable=relaxable
    )


def _choice(
    loaded: Loaded,
    at: tuple[str, ...],
    name: str,
    knob: Knob,
    given: Choices,
    technology: Technology,
) -> Variable:
    rows: list[int] = []
    for index, value in enumerate(given.values):
        try:
            row = technology.row(knob.table, str(value))
        except ScovilleError as error:
            loaded.source.repeat((*at, index), error)
        if row in rows:
            loaded.source.fail(
                (*at, index), f"{value} is another name of {given.values[rows.index(row)]}"
            )
        rows.append(row)
    levels = tuple(str(value) for value in given.values)
    low, high = float(min(rows)), float(max(rows))
    return Variable(name, levels, tuple(map(float, rows)), low, high, ordered=False)


def _levels(loaded: Loaded, at: tuple[str, ...], knob: Knob, given: Numbers) -> list[float] | None:
    """Levels of a variable in ascending order; None for a continuous one."""
    if given.values is not None:
        return sorted(float(value) for value in given.values)
    low, high = (float(end) for end in given.range or (0.0, 0.0))
    whole = knob.kind == "count"
    if given.levels:
        shares = [index / (given.levels - 1) for index in range(given.levels)]
        if given.log:
            raw = [math.exp(math.log(low) + s * math.log(high / low)) for s in shares]
        else:
            raw = [low + s * (high - low) for s in shares]
        rounded = [float(round(v)) if whole else float(f"{v:.12g}") for v in raw]
        return sorted(set(rounded))
    if not given.step and not whole:
        return None
    if given.log:
        loaded.source.fail(
            at, "log without levels", expected="levels: N with log for whole numbers"
        )
    step = given.step or 1.0
    count = round((high - low) / step)
    if abs(low + count * step - high) > 1e-9 * max(abs(high), step):
        loaded.source.fail(
            at, f"steps of {step:g} from {low:g} do not reach {high:g}", expected="a step that does"
        )
    if count >= MOST_LEVELS:
        loaded.source.fail(at, f"{count + 1} levels", expected=f"at most {MOST_LEVELS}")
    return [float(f"{low + index * step:.12g}") for index in range(count + 1)]


def _check_number(loaded: Loaded, at: tuple[str, ...], knob: Knob, value: float) -> None:
    if knob.kind == "count" and value != int(value):
        loaded.source.fail(at, f"found {value:g}", expected="whole numbers")
    absent = knob.name in ("stacks", "links")
    if value < 0 or (value == 0 and not absent and knob.name not in ("l1_MiB", "l2_MiB")):
        loaded.source.fail(
            at, f"found {value:g}", expected="0 or more" if absent else "more than 0"
        )
    if knob.name == "enabled_fraction" and value > 1:
        loaded.source.fail(at, f"found {value:g}", expected="at most 1")


def _limits(loaded: Loaded, technology: Technology) -> Limits:
    """Limits in SI units."""
    values: dict[str, Any] = {}
    for key, value in loaded.experiment.limits.model_dump(exclude_none=True).items():
        stem, unit = split_suffix(key)
        if not isinstance(value, dict):
            values[stem] = to_si(value, unit)
            continue
        rows: dict[str, float] = {}
        for name, inner in value.items():
            try:
                technology.row("cooling", name)
            except ScovilleError as error:
                loaded.source.repeat(("limits", key, name), error)
            rows[name] = to_si(inner, unit)
        values[stem] = rows
    return Limits(**values)


def _goals(loaded: Loaded) -> tuple[Goal, ...]:
    goals = []
    for index, objective in enumerate(loaded.experiment.objectives):
        if objective.metric not in METRICS:
            at: tuple[str | int, ...] = ("objectives", index, "metric")
            close = nearest(objective.metric, METRICS)
            expected = "" if close else "one of " + ", ".join(METRICS)
            loaded.source.fail(
                at, f"unknown metric {objective.metric!r}", expected=expected, suggestions=close
            )
        direction = objective.direction or METRICS[objective.metric].direction
        goals.append(Goal(objective.metric, direction == "maximize"))
    return tuple(goals)


def build_sampler(loaded: Loaded, problem: Problem) -> tuple[SamplerFile, Proposer]:
    """The sampler with every option written out, and the proposer."""
    given = loaded.experiment.sampler
    if given.name is not None:
        options, proposer = _proposer(loaded, ("sampler",), given.name, given.options, problem)
        return SamplerFile(name=given.name, options=options), proposer
    phases, files = [], []
    for index, phase in enumerate(given.phases):
        at = ("sampler", "phases", index)
        options, proposer = _proposer(loaded, at, phase.name, phase.options, problem)
        phases.append(Phase(proposer, phase.evaluations))
        files.append(phase.model_copy(update={"options": options}))
    return SamplerFile(phases=tuple(files)), Phases(problem, tuple(phases))


def _proposer(
    loaded: Loaded, at: tuple[str | int, ...], name: str, given: dict[str, Any], problem: Problem
) -> tuple[dict[str, Any], Proposer]:
    if name not in SAMPLERS:
        close = nearest(name, SAMPLERS)
        expected = "" if close else "one of " + ", ".join(SAMPLERS)
        loaded.source.fail(
            (*at, "name"), f"unknown sampler {name!r}", expected=expected, suggestions=close
        )
    experiment = loaded.experiment
    limits = len(experiment.limits.model_dump(exclude_none=True))
    refused = refusal(name, problem.space, len(problem.goals), limits)
    if refused:
        loaded.source.fail((*at, "name"), refused[0], expected=refused[1])
    sampler = SAMPLERS[name]
    default = sampler.options_class().batch
    fewest = min(4, experiment.budget.evaluations)
    smaller = {"batch": max(fewest, min(default, experiment.budget.evaluations // 4))}
    try:
        options: Options = sampler.options_class.model_validate({**smaller, **given})
    except ValidationError as problem_found:
        first = problem_found.errors()[0]
        key = str(first["loc"][-1])
        names = list(sampler.options_class.model_fields)
        if first["type"] == "extra_forbidden":
            loaded.source.fail(
                (*at, "options", key),
                f"{name} has no option {key!r}",
                expected="one of " + ", ".join(names),
                suggestions=nearest(key, names),
            )
        loaded.source.fail(
            (*at, "options", key), f"found {first['input']!r}", expected=sentence(first["msg"])
        )
    return options.model_dump(), sampler(problem, options)


def _warnings(experiment: Experiment, space: Space) -> list[str]:
    """What a user should know before a search begins."""
    found = []
    names = [experiment.sampler.name, *(phase.name for phase in experiment.sampler.phases)]
    for name in names:
        longest = SAMPLERS[name].longest if name else None
        if longest is not None and experiment.budget.evaluations > longest:
            found.append(
                f"{name} slows down beyond about {longest} designs; for "
                f"{experiment.budget.evaluations} use coordinate_descent or evolution"
            )
    if space.size < experiment.budget.evaluations:
        found.append(f"the space has only {space.size:.0f} designs; the search ends with them")
    return found
