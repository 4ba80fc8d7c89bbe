"""A small problem with the shape of the real one, whose optimum is known by enumeration.

A machine has ``units`` units at a ``voltage``, a memory of some ``kind`` with ``stacks`` devices,
a ``cache``. Speed is the lesser of computing and memory, smoothed by a harmonic mean; more of
anything costs money and power.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from search.experiment import BudgetFile, Experiment, SamplerFile
from search.problem import Goal, Outcome, Problem
from search.samplers import SAMPLERS, OptunaSampler, Phase, Phases, Proposer
from search.space import Space, Variable
from search.study import Study

KINDS = ("slow", "fast", "wide")


def numbers(name: str, values: tuple[float, ...], relaxable: bool = True) -> Variable:
    levels = tuple(int(v) if v == int(v) else v for v in values)
    return Variable(name, levels, values, values[0], values[-1], relaxable=relaxable)


def space(continuous: bool = True, choices: bool = True) -> Space:
    voltage = Variable("voltage", (), (), 0.5, 1.0, relaxable=True)
    kind = Variable("kind", KINDS, (0.0, 1.0, 2.0), 0.0, 2.0, ordered=False)
    fixed = Variable("format", ("one",), (0.0,), 0.0, 0.0, ordered=False)
    return Space(
        (
            numbers("units", tuple(float(n) for n in range(4, 68, 4))),
            numbers("stacks", tuple(float(n) for n in range(1, 9))),
            numbers("cache", (1.0, 2.0, 4.0, 8.0, 16.0)),
            voltage if continuous else numbers("voltage", (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
            *((kind,) if choices else ()),
            fixed,
        )
    )


@dataclass(frozen=True)
class Toy:
    """Metrics speed, cost, power; limits on power and cost."""

    power_limit: float = 60.0
    cost_limit: float = 90.0
    choices: bool = True
    calls: list[int] | None = None

    metric_names = ("speed", "cost", "power")
    violation_names = ("power", "cost")

    def __call__(self, values: Tensor, relax: float) -> Outcome:
        del relax  # nothing here has steps
        if self.calls is not None:
            self.calls.append(len(values))
        units, stacks, cache, voltage = (values[..., i] for i in range(4))
        kind = values[..., 4] if self.choices else torch.zeros_like(units)
        rate = torch.where(kind == 1, 2.0, 1.0) * torch.where(kind == 2, 1.5, 1.0)
        price = torch.where(kind == 0, 3.0, 5.0).double()
        compute = units * (voltage - 0.3)
        memory = stacks * rate * 2.0 * torch.sqrt(1.0 + cache / 4.0)
        speed = compute * memory / (compute + memory)
        cost = 10.0 + 0.8 * units + price * stacks + 1.5 * cache
        power = 5.0 + 1.6 * units * voltage * voltage + 2.5 * stacks * rate
        violations = [power / self.power_limit - 1.0, cost / self.cost_limit - 1.0]
        return Outcome(
            torch.stack([speed, cost, power], -1), torch.stack(violations, -1), 10 * len(values)
        )


def problem(
    objectives: int = 2,
    power_limit: float = 60.0,
    continuous: bool = True,
    choices: bool = True,
    calls: list[int] | None = None,
) -> Problem:
    goals = (Goal("cost"), Goal("speed", maximize=True), Goal("power"))
    if objectives == 1:
        goals = (Goal("speed", maximize=True),)
    model = Toy(power_limit=power_limit, choices=choices, calls=calls)
    return Problem(space(continuous, choices), model, goals[:objectives])


def free_problem(objectives: int = 1) -> Problem:
    """Without limits and without choices: what CMA-ES can do."""
    goals = (Goal("cost"), Goal("speed", maximize=True))[:objectives]
    model = Toy(power_limit=1e9, cost_limit=1e9, choices=False)
    return Problem(space(choices=False), model, goals)


SMALL = {
    "quasi_random": {"batch": 64},
    "coordinate_descent": {"batch": 96, "chains": 16, "weights": 4, "pairs": 64},
    "evolution": {"batch": 64, "population": 32},
    "gradient": {"batch": 64, "starts": 8, "weights": 4, "steps": 4},
    "random": {"batch": 16},
    "qmc": {"batch": 16},
    "tpe": {"batch": 8, "startup": 16},
    "nsga2": {"batch": 16},
    "nsga3": {"batch": 16},
    "gp": {"batch": 2, "startup": 4},
    "cma_es": {"batch": 8},
}


def proposer(name: str, of: Problem) -> Proposer:
    if name == "phases":
        order = (("quasi_random", 64), ("coordinate_descent", 768), ("gradient", 0))
        parts = tuple(Phase(proposer(sampler, of), count) for sampler, count in order)
        return Phases(of, parts)
    sampler = SAMPLERS[name]
    return sampler(of, sampler.options_class(**SMALL[name]))


def problem_for(name: str) -> Problem:
    return free_problem() if name == "cma_es" else problem()


def study(
    folder: Path, name: str, evaluations: int, of: Problem | None = None, seed: int = 3
) -> Study:
    of = of or problem_for(name)
    experiment = Experiment(
        schema_version=1,
        name="toy",
        model="none",
        scenario="none",
        template="none",
        seed=seed,
        space={},
        objectives=[goal.metric for goal in of.goals],
        sampler=SamplerFile(name=name),
        budget=BudgetFile(evaluations=evaluations),
    )
    return Study.prepare(folder, experiment, of, proposer(name, of))


def enumerate_feasible(of: Problem) -> Tensor:
    """Objectives of all feasible designs of a space of levels."""
    sizes = [torch.arange(max(1, v.size)).double() for v in of.space.variables]
    x = torch.cartesian_prod(*sizes)
    values = of.space.values(x)
    outcome = of.model(values, 0.0)
    return of.objectives(outcome.metrics)[(outcome.violations <= 0).all(-1)]


__all__ = ["OptunaSampler"]
