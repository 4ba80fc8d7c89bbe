"""Boxes of designs of an experiment's space, and bounds on all designs inside.

A box is a first and a last level for each variable. Variables that the bounds are declared
monotone in stay ranges; of the others every level in the box is a member, and the bound of the box
is the least of its members' bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.bounds import PRICE, TIME, bound_steps
from costmodel.hardware.system import Designs, Pool, map_leaves
from costmodel.metrics import Metrics
from costmodel.numerics.interval import Box, Monotone, least_of_choices
from search.pricing import CostModel
from search.space import Space
from search.variables import split_name

FIGURES = ("ttft", "tpot", "prefill energy", "decode energy")


@dataclass(frozen=True, repr=False)
class SpaceBoxes:
    """Bounds on boxes of a space.

    Parameters
    ----------
    model : CostModel
        Of an experiment with one pool and one request kind.
    space : Space
    ranges : frozenset of str
        Variables that a member box may be wide in.
    lattice : bool
    time, price : Monotone
        As in `bound_steps`.
    """

    model: CostModel
    space: Space
    ranges: frozenset[str]
    lattice: bool = True
    time: Monotone = TIME
    price: Monotone = PRICE

    @classmethod
    def of(
        cls,
        model: CostModel,
        space: Space,
        lattice: bool = True,
        time: Monotone = TIME,
        price: Monotone = PRICE,
    ) -> SpaceBoxes:
        """Ranges wherever both declarations say something about every leaf of a variable."""
        return cls(model, space, declared(space, (time, price)), lattice, time, price)

    def members(self, low: Tensor, high: Tensor) -> Tensor:
        """Members that a box ``[B,V]`` is enumerated into ``[B]`` [count]."""
        return (self._steps(low, high) + 1).prod(-1)

    def bound(self, low: Tensor, high: Tensor) -> Tensor:
        """Lower bounds ``[B,K]`` on `FIGURES` of every design of boxes ``[B,V]``."""
        first, last, owner = self.enumerate(low, high)
        decode = self.model.decoder.decode
        ends = [decode(self.space.canonical(x.double())) for x in (first, last)]
        boxes = [Box(a, b) for a, b in zip(*(item.pools for item in ends), strict=True)]
        steps = bound_steps(
            broadcast(boxes[0], len(owner)),
            self.model.workload,
            self.model.technology,
            self.model.tables,
            lattice=self.lattice,
            time=self.time,
            price=self.price,
        )
        figures = torch.cat([steps.step, steps.joules], -1)
        return least_of_choices(figures, owner, len(low))

    def value(self, x: Tensor) -> Tensor:
        """`FIGURES` of designs ``[B,V]`` as the model reports them ``[B,K]``."""
        return figures_of(self.model.evaluate(self.designs(x)))

    def designs(self, x: Tensor) -> Designs:
        """Designs of levels ``[B,V]``."""
        return self.model.decoder.decode(self.space.canonical(x.double()))

    def enumerate(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Member boxes ``[R,V]``, ``[R,V]`` and the box that each belongs to ``[R]``."""
        steps = self._steps(low, high) + 1
        count = steps.prod(-1)
        owner = torch.repeat_interleave(torch.arange(len(low)), count)
        before = torch.cumsum(count, 0) - count
        rank = torch.arange(len(owner)) - before[owner]
        first, last = low[owner].clone(), high[owner].clone()
        for column, name in enumerate(self.space.names):
            if name in self.ranges:
                continue
            size = steps[owner, column]
            level = low[owner, column] + rank % size
            rank = rank // size
            first[:, column], last[:, column] = level, level
        return first, last, owner

    def _steps(self, low: Tensor, high: Tensor) -> Tensor:
        listed = torch.tensor([name not in self.ranges for name in self.space.names])
        return (high - low) * listed


def declared(space: Space, claims: tuple[Monotone, ...] = (TIME, PRICE)) -> frozenset[str]:
    """Variables of a space that every claim is monotone in or does not read."""
    found = set()
    for name in space.names:
        targets = [target.replace("{compute}", "0") for target in split_name(name)[1].targets]
        if all(claim.direction(target) is not None for claim in claims for target in targets):
            found.add(name)
    return frozenset(found)


def broadcast(box: Box[Pool], rows: int) -> Box[Pool]:
    """The box with every leaf of shape ``[rows]``."""
    return Box(*(map_leaves(end, lambda leaf: leaf.expand(rows)) for end in (box.low, box.high)))


def figures_of(metrics: Metrics) -> Tensor:
    """`FIGURES` ``[B,K]``."""
    energy = metrics.breakdowns["energy"].values.sum((-1, -2))
    times = torch.stack([metrics["ttft"], metrics["tpot"]], -1)
    return torch.cat([times.expand(*energy.shape[:-1], 2), energy], -1)
