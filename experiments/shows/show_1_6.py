"""Believe it? What binds, which constants decide, what happens when a cost is removed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from costmodel.hardware.export import at_index
from costmodel.hardware.technology import CONSTANT, SINGLE
from costmodel.workload import load_workload
from experiments.counterfactual import (
    Laboratory,
    Winner,
    World,
    best_rows,
    everything,
    together,
    with_limit,
    with_numbers,
    without,
)
from experiments.shows.harness import Line, Show
from search.evaluation import Machine
from search.problem import Problem
from search.report.content import Measure, Rival
from search.rivals import Contest, compare

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = ROOT / "experiments" / "quickstart.yaml"
SEARCH, AGAIN = 60_000, 10_000
"""Distinct designs of the first search, and of each search of a changed world."""
BEST, STARTS = 5, 32
STRUCTURE = (
    "node",
    "compute_dies",
    "array",
    "arrays_per_core",
    "memory",
    "stacks",
    "cooling",
    "package",
    "tensor_parallel",
    "topology",
)
NEAR = 0.02
"""A limit binds when less than 2 % of it is left."""
BETTER = 1e-3
LINK, SOFTWARE = "serdes_224g", "systolic_optimal"
FREE_LINKS = with_numbers(
    ("link", LINK, "energy", 0.0),
    ("link", LINK, "area_per_lane", 0.0),
    ("link", LINK, "edge_per_lane", 0.0),
    ("link", LINK, "controller_area", 0.0),
    (CONSTANT, "cable_price", SINGLE, 0.0),
    (CONSTANT, "switch_price", SINGLE, 0.0),
    (CONSTANT, "switch_energy", SINGLE, 0.0),
    (CONSTANT, "optics_price", SINGLE, 0.0),
    (CONSTANT, "optics_energy", SINGLE, 0.0),
)
NO_NETWORK = together(
    with_numbers(
        ("software", SOFTWARE, "network_efficiency", 1e4),
        ("software", SOFTWARE, "collective_latency", 1e-12),
        ("software", SOFTWARE, "collective_half_size", 1.0),
        ("link", LINK, "latency", 0.0),
        *(("topology", row, "hop_latency", 0.0) for row in ("switch", "torus_2d", "torus_3d")),
    ),
    without("tensor_parallel_domain"),
)
HEAT = ("junction_temperature", "memory_temperature", "thermal_runaway")
POWER = ("package_power", "rack_power", "current_density")
FREE_VOLTAGE = together(
    without(*POWER, *HEAT),
    with_numbers(
        (CONSTANT, "electricity_price", SINGLE, 0.0),
        (CONSTANT, "datacentre_price", SINGLE, 0.0),
        (CONSTANT, "power_supply_price", SINGLE, 0.0),
        (CONSTANT, "regulator_price", SINGLE, 0.0),
        ("cooling", "air", "cost_per_power", 0.0),
        ("cooling", "cold_plate", "cost_per_power", 0.0),
    ),
)


def decode_only(world: World) -> World:
    """The same model and limits, generation alone."""
    workload = load_workload(world.workload.model.name, "decode-only")
    scenario = dataclasses.replace(workload.scenario, volume=world.workload.scenario.volume)
    return dataclasses.replace(world, workload=dataclasses.replace(workload, scenario=scenario))


def measure() -> Iterator[Line]:
    """Search, look at the winners, change the world, search again."""
    laboratory = Laboratory(EXPERIMENT)
    names = laboratory.resolved.problem.objective_names
    first = laboratory.search(laboratory.problem(), SEARCH)
    starts = _starts(first)
    base = laboratory.search(laboratory.problem(), AGAIN, starts)
    yield from _winners(laboratory, base, names)
    yield from _constants(laboratory, first, base, names)
    yield from _rivals(laboratory, base)
    yield from _physics(laboratory, base, starts)
    yield from _removed(laboratory, base, starts, names)


def _starts(problem: Problem) -> Tensor:
    rows = [row for index in range(len(problem.goals)) for row in best_rows(problem, index, STARTS)]
    return torch.from_numpy(problem.archive["x"][sorted(set(rows))].copy())


def _winners(laboratory: Laboratory, problem: Problem, names: tuple[str, ...]) -> Iterator[Line]:
    space = laboratory.space
    low, high = space.bounds()
    binding: Counter[str] = Counter()
    tightest: dict[str, float] = {}
    for index, name in enumerate(names):
        best = laboratory.winners(problem, index, BEST)
        yield Line(f"best by {name}", "", _figures(best[0]))
        yield Line(f"best by {name}: design", "", _design(best[0]))
        at_bound: Counter[str] = Counter()
        for winner in best:
            for column in space.free:
                variable = space.variables[column]
                if not variable.ordered:
                    continue
                value = float(winner.x[column])
                side = "low" if value <= low[column] else "high" if value >= high[column] else ""
                if side:
                    at_bound[f"{variable.name} {side}"] += 1
            for limit, value in winner.violations.items():
                tightest[limit] = max(value, tightest.get(limit, -torch.inf))
                if value > -NEAR:
                    binding[limit] += 1
        yield Line(f"knobs at a bound, of the best {len(best)} by {name}", "", _counted(at_bound))
    yield Line(f"limits with less than 2 % left, of the best {2 * BEST}", "", _counted(binding))
    slack = sorted(set(tightest) - set(binding), key=lambda item: -tightest[item])
    text = ", ".join(f"{item} ({-tightest[item]:.0%} left)" for item in slack)
    yield Line("limits that never bind there", "", text)


def _constants(
    laboratory: Laboratory, searched: Problem, base: Problem, names: tuple[str, ...]
) -> Iterator[Line]:
    """Numbers whose low or high value makes another of the known candidates the winner."""
    candidates = _candidates(searched, base)
    technology = laboratory.world.technology
    used = _used_rows(laboratory, candidates)
    entries = [
        (table, row, column, value)
        for table, row, column, value in technology.entries()
        if value.range_si is not None and (table == CONSTANT or row in used.get(table, ()))
    ]
    reference = _first(laboratory, laboratory.world, candidates)
    found: dict[str, list[str]] = {name: [] for name in names}
    for table, row, column, value in entries:
        assert value.range_si is not None
        for word, bound in zip(("low", "high"), value.range_si, strict=True):
            world = with_numbers((table, row, column, bound))(laboratory.world)
            winners = _first(laboratory, world, candidates)
            for index, name in enumerate(names):
                moved = _structure_moved(laboratory, reference[index], winners[index])
                if moved:
                    place = row if column == SINGLE else f"{row}.{column}"
                    found[name].append(f"{place} {word} -> {moved}")
    yield Line(
        "constants varied to their low and high values",
        "",
        f"{len(entries)}, over {len(candidates)} candidate designs",
    )
    for name in names:
        yield Line(
            f"constants that change the structure of the winner by {name}",
            "",
            f"{len(found[name])}: " + "; ".join(found[name]),
        )


def _candidates(searched: Problem, base: Problem) -> Tensor:
    """The best designs of both searches, overall and of every choice of structure."""
    chosen = [base.archive["x"][best_rows(base, index, 20)] for index in range(len(base.goals))]
    known = everything(searched)
    names = searched.space.names
    x = torch.from_numpy(searched.archive["x"])
    # Other numbers make other designs feasible: near misses compete too.
    near = known.violations.amax(-1) < 0.1
    for index in range(len(searched.goals)):
        for column in (names.index(name) for name in STRUCTURE):
            for level in torch.unique(x[:, column]):
                mask = near & (x[:, column] == level)
                score = torch.where(mask, known.objectives[:, index], torch.inf)
                order = torch.argsort(score, stable=True)[:4]
                chosen.append(x[order[torch.isfinite(score[order])]].numpy())
    rows = torch.cat([torch.as_tensor(item) for item in chosen])
    distinct: Tensor = torch.unique(rows, dim=0)
    return distinct


def _used_rows(laboratory: Laboratory, candidates: Tensor) -> dict[str, set[str]]:
    """Rows of every table that some candidate reads."""
    columns = laboratory.space.columns(candidates.numpy())
    used = {
        table: {str(item) for item in columns[name]}
        for table, name in (
            ("node", "node"),
            ("memory", "memory"),
            ("package", "package"),
            ("cooling", "cooling"),
            ("topology", "topology"),
        )
    }
    fixed = {"machine": {"systolic"}, "link": {LINK}, "software": {SOFTWARE}, "format": {"fp8"}}
    return used | fixed


def _first(laboratory: Laboratory, world: World, candidates: Tensor) -> list[Tensor]:
    """The winner of every objective among the candidates in a world."""
    problem = laboratory.problem(lambda _: world)
    evaluation = problem.evaluate(candidates)
    total = evaluation.total_violation
    winners = []
    for index in range(len(problem.goals)):
        score = torch.where(total > 0, torch.inf, evaluation.objectives[:, index])
        winners.append(candidates[int(score.argmin())])
    return winners


def _structure_moved(laboratory: Laboratory, before: Tensor, after: Tensor) -> str:
    """What changes between two designs, of what makes a package another package."""
    space = laboratory.space
    old, new = (space.describe(item.tolist()) for item in (before, after))
    # A package that serves alone does not use its network, whatever its topology.
    alone = int(old["tensor_parallel"]) == int(new["tensor_parallel"]) == 1
    names = [key for key in STRUCTURE if not (alone and key == "topology")]
    return ", ".join(f"{key} {new[key]}" for key in names if old[key] != new[key])


def _rivals(laboratory: Laboratory, base: Problem) -> Iterator[Line]:
    world = laboratory.world
    names = laboratory.resolved.problem.objective_names
    experiment = laboratory.resolved.experiment
    contest = Contest(
        workload=world.workload,
        technology=world.technology,
        limits=world.limits,
        objectives=tuple(
            Measure(name, name, "", "maximize" if goal.maximize else "minimize")
            for name, goal in zip(names, base.goals, strict=True)
        ),
        format="fp8",
    )
    decoder = laboratory.resolved.model.decoder
    ours = []
    for index, name in enumerate(names):
        x = laboratory.winners(base, index)[0].x
        designs = at_index(decoder.decode(x.unsqueeze(0)), 0)
        ours.append(Machine(f"ours, best by {name}", name, designs))
    lines: tuple[Rival, ...] = compare(contest, experiment.rivals, ours)
    for line in lines:
        cost, energy = (line.metrics[name] for name in names)
        broken = f"; breaks {', '.join(line.broken)}" if line.broken else ""
        yield Line(
            f"{line.name} ({line.mapping} mapping, {line.money} money)",
            "",
            f"{cost:.3f} $/Mtoken, {energy:.3f} token/J, {line.plan}{broken}"
            + (f"; {line.note}" if line.note else ""),
        )


def _physics(laboratory: Laboratory, base: Problem, starts: Tensor) -> Iterator[Line]:
    """Removing a cost moves the optimum the way physics says."""
    # Links have no use in a package that serves alone, and eight that share the model take all
    # that the space allows: here eight share it and the range of links has room.
    eight = Laboratory(
        EXPERIMENT, ["space.tensor_parallel=8", "space.links={range: [4, 256], step: 4}"]
    )
    wired = eight.search(eight.problem(), 2 * AGAIN)
    free = eight.search(eight.problem(FREE_LINKS), AGAIN, _starts(wired))
    yield _moved(eight, wired, free, "links", "free links raise links (TP 8, up to 256)", up=True)
    tight = with_limit(tpot=0.004)
    packages = laboratory.search(laboratory.problem(tight), 2 * AGAIN, starts)
    more = _starts(packages)
    volts = laboratory.search(laboratory.problem(FREE_VOLTAGE), AGAIN, starts)
    yield _moved(laboratory, base, volts, "voltage_V", "free power raises the voltage", up=True)
    patient = laboratory.search(laboratory.problem(without("tpot")), AGAIN, more)
    yield _moved(
        laboratory,
        packages,
        patient,
        "tensor_parallel",
        "no TPOT limit, against 4 ms, lowers TP",
        up=False,
    )
    tokens = laboratory.search(laboratory.problem(decode_only), 2 * AGAIN, starts)
    before, after = (_elements(laboratory.winners(item, 0)[0]) for item in (base, tokens))
    yield Line(
        "decode-only work shrinks the arrays (processing elements a package)",
        "fewer",
        f"{before:,.0f} -> {after:,.0f}",
        after < before,
    )


def _moved(
    laboratory: Laboratory, before: Problem, after: Problem, name: str, title: str, *, up: bool
) -> Line:
    old, new = (float(laboratory.winners(item, 0)[0].variables[name]) for item in (before, after))
    return Line(
        title,
        "higher" if up else "lower",
        f"{name} {old:g} -> {new:g}",
        new > old if up else new < old,
    )


def _elements(winner: Winner) -> float:
    names = ("array", "array", "arrays_per_core", "cores_built", "compute_dies")
    product = 1.0
    for name in names:
        product *= float(winner.variables[name])
    return product


def _removed(
    laboratory: Laboratory, base: Problem, starts: Tensor, names: tuple[str, ...]
) -> Iterator[Line]:
    """Does the winner change without a limit? Where not, how much of the limit was left."""
    removals: dict[str, Callable[[World], World]] = {
        "power": without(*POWER),
        "heat": without(*HEAT),
        "memory": without("memory_capacity"),
        "network": NO_NETWORK,
        "die edge": without("die_edge"),
        "TPOT": without("tpot"),
        "die area and reticle": without("die_area", "reticle"),
        "interposer": without("interposer_area"),
        "unit cost": without("unit_cost"),
    }
    for title, change in removals.items():
        problem = laboratory.search(laboratory.problem(change), AGAIN, starts)
        parts = []
        for index, name in enumerate(names):
            old, new = (laboratory.winners(item, index)[0] for item in (base, problem))
            gain = _gain(old.metrics[name], new.metrics[name], base.goals[index].maximize)
            moved = _structure_moved(laboratory, old.x, new.x)
            if gain > BETTER:
                parts.append(f"{name} {gain:+.1%} ({moved or 'sizes only'})")
            else:
                parts.append(f"{name}: same winner")
        yield Line(f"without {title}", "", "; ".join(parts))


def _gain(old: float, new: float, maximize: bool) -> float:
    return new / old - 1.0 if maximize else old / new - 1.0


def _design(winner: Winner) -> str:
    return ", ".join(f"{key} {value}" for key, value in winner.variables.items())


def _figures(winner: Winner) -> str:
    m = winner.metrics
    return (
        f"{m['cost_per_mtoken']:.4f} $/Mtoken, {m['tokens_per_joule']:.3f} token/J, "
        f"TTFT {1e3 * m['ttft']:.0f} ms, TPOT {1e3 * m['tpot']:.1f} ms, "
        f"{m['package_power_peak']:.0f} W, {m['junction_temperature'] - 273.15:.0f} C, "
        f"die {1e6 * m['die_area']:.0f} mm2, unit cost {m['unit_cost']:,.0f} $"
    )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counter.most_common()) or "none"


SHOW = Show("believe it? what binds, what decides, what moves the optimum", measure)
