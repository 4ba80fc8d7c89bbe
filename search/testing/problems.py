"""Small problems with known answers, on spaces of every kind, for tests of samplers.

Every variable is read as a share of its range (of the logarithm, of the number of levels), so that
one formula serves all spaces. Dimension letters: B designs, V variables, M objectives, G limits.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from search.problem import Goal, Outcome, Problem
from search.space import Space, Variable

Limits = Callable[[Tensor], Tensor]
"""From shares ``[B,V]`` to violations ``[B,G]``."""


def real(name: str, low: float, high: float, logarithmic: bool = False) -> Variable:
    """A continuous variable."""
    return Variable(name, (), (), low, high, logarithmic=logarithmic, relaxable=low > 0)


def listed(name: str, *values: float) -> Variable:
    """A number from a list."""
    levels = tuple(int(value) if value == int(value) else value for value in values)
    return Variable(name, levels, values, values[0], values[-1], relaxable=values[0] > 0)


def choice(name: str, *names: str) -> Variable:
    """A choice by name, in no order."""
    numbers = tuple(float(i) for i in range(len(names)))
    return Variable(name, names, numbers, 0.0, numbers[-1], ordered=False)


NUMBERS = (
    real("width", 0.5, 2.0),
    real("rate", 1e-3, 1e3, logarithmic=True),
    listed("cores", *(float(n) for n in range(16, 132, 4))),
    listed("cache", 0.25, 0.5, 1.0, 4.0, 16.0),
    real("voltage", 0.55, 0.9),
    listed("stacks", *(float(n) for n in range(1, 13))),
    listed("links", *(float(n) for n in range(4, 40, 4))),
    listed("fixed", 7.0),
)
SPACES = {
    "of every kind": Space(
        (*NUMBERS, choice("memory", "slow", "fast", "wide"), choice("format", "one"))
    ),
    "of numbers": Space(NUMBERS),
    "of one number": Space((real("width", 0.5, 2.0),)),
    "of one number with a logarithm": Space((real("rate", 1e-3, 1e3, logarithmic=True),)),
    "of one stepped number": Space((listed("cores", *(float(n) for n in range(4, 40, 4))),)),
    "of two values": Space((listed("dies", 1.0, 2.0),)),
    "of one choice": Space((choice("memory", "slow", "fast", "wide"),)),
}
"""Spaces by what they hold."""
SMALL = Space(
    (listed("dies", 1.0, 2.0), listed("stacks", 2.0, 4.0, 6.0), listed("links", 1.0, 4.0))
)
"""Twelve designs."""


@dataclass(frozen=True)
class Bowl:
    """Squared distances of the shares from one point for each objective.

    Parameters
    ----------
    space : Space
    objectives : int
        Metrics ``f1``, ``f2``, ...
    limits : callable, optional
        Violations of shares; none by default.
    broken : callable, optional
        From metrics and shares to the metrics that the model gives instead.
    negated : bool
        Whether every metric has the other sign.
    """

    space: Space
    objectives: int = 1
    limits: Limits | None = None
    broken: Callable[[Tensor, Tensor], Tensor] | None = None
    negated: bool = False
    asked: Counter[bytes] = field(default_factory=Counter)
    """How many calls each design was part of."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """``f1``, ``f2``, ..."""
        return tuple(f"f{number + 1}" for number in range(self.objectives))

    @property
    def violation_names(self) -> tuple[str, ...]:
        """``limit1``, ``limit2``, ..."""
        if self.limits is None:
            return ()
        count = self.limits(torch.zeros(1, len(self.space.variables)).double()).shape[-1]
        return tuple(f"limit{number + 1}" for number in range(count))

    def __call__(self, values: Tensor, relax: float) -> Outcome:
        """Metrics ``[B,M]`` and violations ``[B,G]`` of values ``[B,V]``."""
        if relax == 0.0:
            with self._lock:
                self.asked.update({row.numpy().tobytes() for row in values})
        shares = self.shares(values)
        metrics = torch.stack([self.distance(shares, m) for m in range(self.objectives)], -1)
        if self.negated:
            metrics = -metrics
        if self.broken is not None:
            metrics = self.broken(metrics, shares)
        none = shares.new_zeros(len(shares), 0)
        return Outcome(metrics, none if self.limits is None else self.limits(shares))

    def shares(self, values: Tensor) -> Tensor:
        """How far each value lies between its bounds ``[B,V]``, 0 for a fixed one."""
        columns = []
        for column, variable in enumerate(self.space.variables):
            low, high, value = variable.low, variable.high, values[..., column]
            if variable.fixed:
                columns.append(torch.zeros_like(value))
            elif low > 0 and high / low > 10:
                columns.append(torch.log(value / low) / math.log(high / low))
            else:
                columns.append((value - low) / (high - low))
        return torch.stack(columns, -1)

    def distance(self, shares: Tensor, objective: int) -> Tensor:
        """Mean squared distance from the objective's point ``[B]``; 0 is not always reached."""
        free = self.space.free
        goal = (0.85, 0.15, 0.5)[objective % 3]
        points = torch.tensor([goal + 0.02 * (i % 3) for i in range(len(free))]).double()
        return (shares[..., list(free)] - points).square().mean(-1)


def problem(
    space: Space,
    objectives: int = 1,
    limits: Limits | None = None,
    broken: Callable[[Tensor, Tensor], Tensor] | None = None,
    maximize: bool = False,
) -> Problem:
    """A bowl as a problem; with `maximize` its metrics are negated, and the goal with them."""
    bowl = Bowl(space, objectives, limits, broken, negated=maximize)
    return Problem(space, bowl, tuple(Goal(name, maximize) for name in bowl.metric_names))


def tight(space: Space) -> Limits:
    """The mean share may be 0.35 at most: the best point of the first objective is beyond it."""
    free = list(space.free)
    return lambda shares: shares[..., free].mean(-1, keepdim=True) / 0.35 - 1.0


def narrow(space: Space) -> Limits:
    """Each of the first variables may take an eighth of its range: about one design in 500."""
    free = list(space.free)[:3]
    return lambda shares: shares[..., free] / 0.125 - 1.0


def impossible(space: Space) -> Limits:
    """No design is feasible; some break the limit by less than others."""
    free = list(space.free)
    return lambda shares: 1.0 + shares[..., free].mean(-1, keepdim=True)
