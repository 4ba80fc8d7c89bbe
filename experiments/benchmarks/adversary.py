"""A search for holes in lower bounds: coordinate ascent on (bound - value).

Random tests miss a bound that is wrong in a corner of a corner. Here every start holds a box and a
design inside it, and moves one coordinate at a time to wherever the bound comes closest to the
value or passes it. Sound bounds stay below; one wrong claim about a direction is found, because
the ascent walks towards it.

Dimension letters: S starts, V coordinates, K figures that are bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_OPEN = 3
"""Coordinates in which a box is made wide at the start; each stays at least two levels wide."""


@dataclass(frozen=True)
class Arena:
    """What is attacked: a grid of designs, the true value and the bound.

    Parameters
    ----------
    sizes : tuple of int
        Levels of each of the V coordinates.
    value : callable
        Designs ``[B,V]`` (indices of levels, int64) -> figures ``[B,K]``; NaN where a figure does
        not count.
    bound : callable
        First and last level of boxes ``[B,V]``, ``[B,V]`` -> bounds ``[B,K]`` on the figures of
        every design inside.
    cost : callable, optional
        What a box costs to bound, ``[B]``; boxes above `most` are not visited.
    most : float
        Largest cost.
    """

    sizes: tuple[int, ...]
    value: Callable[[Tensor], Tensor]
    bound: Callable[[Tensor, Tensor], Tensor]
    cost: Callable[[Tensor, Tensor], Tensor] | None = None
    most: float = float("inf")


@dataclass(frozen=True)
class Attack:
    """Where the ascents ended."""

    margin: Tensor  # largest (bound - value) / value of each start [S] [1]
    low: Tensor  # box [S,V]
    high: Tensor
    x: Tensor  # design inside it [S,V]
    steps: int  # moves tried by each start
    values: int  # values computed
    bounds: int  # bounds computed
    seconds: float

    def violations(self, slack: float = 0.0) -> int:
        """Starts that found a bound above a value."""
        return int((self.margin > slack).sum())

    @property
    def worst(self) -> int:
        """The start that came farthest."""
        return int(self.margin.argmax())


@dataclass
class _State:
    low: Tensor
    high: Tensor
    x: Tensor
    bound: Tensor
    value: Tensor

    def margin(self) -> Tensor:
        return margin(self.bound, self.value)

    def keep(self, rows: Tensor, other: _State) -> None:
        """Take these rows from another state."""
        for name in ("low", "high", "x", "bound", "value"):
            getattr(self, name)[rows] = getattr(other, name)[rows]


def margin(bound: Tensor, value: Tensor) -> Tensor:
    """Largest (bound - value) / value over the figures ``[..., K] -> [...]``; above 0 is wrong."""
    gap = (bound - value) / value.abs().clamp_min(1e-300)
    return torch.where(torch.isnan(gap), torch.full_like(gap, -torch.inf), gap).amax(-1)


def attack(
    arena: Arena, starts: int, seed: int, seconds: float, steps: int = 10_000, batch: int = 512
) -> Attack:
    """Coordinate ascent on the margin from random boxes and designs.

    Parameters
    ----------
    arena : Arena
    starts : int
        S.
    seed : int
    seconds : float
        Stop then; every start has had the same number of moves.
    steps : int
        Stop after so many moves of each start.
    batch : int
        Rows handed to `value` and `bound` at a time.

    Notes
    -----
    Moves take one coordinate of each start, in turn: the design moves inside its box (the bound
    stays), an end of the box moves (the value stays), or a coordinate in which the box is a single
    level takes another one (both change). A move is kept when the margin does not fall. Boxes keep
    their open coordinates at least two levels wide: a box of one design, whose bound should equal
    the value, would end every ascent at nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.tensor(arena.sizes)
    begin = time.perf_counter()
    low, high, x, open_axes = _starts(arena, starts, sizes, generator)
    state = _State(low, high, x, low.double(), x.double())
    state.bound = _batched(lambda a: arena.bound(a[0], a[1]), (low, high), batch)
    state.value = _batched(lambda a: arena.value(a[0]), (x,), batch)
    values = bounds = starts
    done = 0
    while done < steps and time.perf_counter() - begin < seconds:
        first, last, x = MOVES[done % len(MOVES)](state, open_axes, sizes, generator)
        moved = (x != state.x).any(-1)
        resized = ((first != state.low) | (last != state.high)).any(-1)
        if arena.cost is not None:
            fine = arena.cost(first, last) <= arena.most
            moved, resized = moved & fine, resized & fine
        value, bound = state.value.clone(), state.bound.clone()
        if moved.any():
            value[moved] = _batched(lambda a: arena.value(a[0]), (x[moved],), batch)
        if resized.any():
            rows = (first[resized], last[resized])
            bound[resized] = _batched(lambda a: arena.bound(a[0], a[1]), rows, batch)
        values += int(moved.sum())
        bounds += int(resized.sum())
        kept = (moved | resized) & (margin(bound, value) >= state.margin())
        state.keep(kept, _State(first, last, x, bound, value))
        done += 1
    return Attack(
        state.margin(), state.low, state.high, state.x, done, values, bounds,
        time.perf_counter() - begin,
    )  # fmt: skip


def _starts(
    arena: Arena, starts: int, sizes: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random boxes that are wide in a few coordinates, and a design in each."""
    axes = len(arena.sizes)
    wide = torch.nonzero(sizes > 1).squeeze(-1)

    def draw(count: int) -> tuple[Tensor, Tensor, Tensor]:
        score = torch.rand(count, axes, generator=generator)
        score[:, sizes == 1] = -1.0
        number = torch.randint(1, MOST_OPEN + 1, (count, 1), generator=generator)
        rank = score.argsort(-1, descending=True).argsort(-1)
        opened = (rank < number.clamp_max(len(wide))) & (sizes > 1)
        ends = (torch.rand(2, count, axes, generator=generator) * sizes).long()
        first, last = ends.amin(0), ends.amax(0)
        last = torch.where(opened, last, first)
        # An open coordinate of one level takes its neighbour in.
        narrow = opened & (first == last)
        last = torch.where(narrow & (first + 1 < sizes), first + 1, last)
        first = torch.where(narrow & (first == last), first - 1, first)
        return first, last, opened

    low, high, opened = draw(starts)
    if arena.cost is not None:
        for _ in range(200):
            dear = arena.cost(low, high) > arena.most
            if not dear.any():
                break
            low[dear], high[dear], opened[dear] = draw(int(dear.sum()))
    share = torch.rand(starts, axes, generator=generator)
    x = low + (share * (high - low + 1)).long()
    return low, high, x, opened


def _move_design(
    state: _State, opened: Tensor, sizes: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """The design to an end of the box along one coordinate, or anywhere in it."""
    del sizes
    axis = torch.multinomial(opened.double(), 1, generator=generator)
    first, last = (t.gather(-1, axis) for t in (state.low, state.high))
    draw = torch.rand(first.shape, generator=generator)
    anywhere = first + (torch.rand(first.shape, generator=generator) * (last - first + 1)).long()
    target = torch.where(draw < 0.35, first, torch.where(draw < 0.7, last, anywhere))
    return state.low, state.high, state.x.scatter(-1, axis, target)


def _move_box(
    state: _State, opened: Tensor, sizes: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """One end of the box along an open coordinate; the design stays inside."""
    axis = torch.multinomial(opened.double(), 1, generator=generator)
    first, last, now = (t.gather(-1, axis) for t in (state.low, state.high, state.x))
    size = sizes.expand(state.x.shape).gather(-1, axis)
    draw = torch.rand(now.shape, generator=generator)
    # Towards the design from either end, a level outwards, or anywhere on its side of the design.
    below = (torch.rand(now.shape, generator=generator) * (now + 1)).long()
    above = now + (torch.rand(now.shape, generator=generator) * (size - now)).long()
    a = torch.where(draw < 0.25, (first + now + 1) // 2, first)
    b = torch.where((draw >= 0.25) & (draw < 0.5), (last + now) // 2, last)
    a = torch.where((draw >= 0.5) & (draw < 0.6), (first - 1).clamp_min(0), a)
    b = torch.where((draw >= 0.6) & (draw < 0.7), torch.minimum(last + 1, size - 1), b)
    a = torch.where((draw >= 0.7) & (draw < 0.85), below, a)
    b = torch.where(draw >= 0.85, above, b)
    narrow = a == b
    b = torch.where(narrow & (a + 1 < size), a + 1, b)
    a = torch.where(narrow & (a == b), a - 1, a)
    return state.low.scatter(-1, axis, a), state.high.scatter(-1, axis, b), state.x


def _move_both(
    state: _State, opened: Tensor, sizes: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Another level of a coordinate in which the box is a single one."""
    closed = ((sizes > 1) & ~opened).double()
    axis = torch.multinomial(closed + (closed.sum(-1, keepdim=True) == 0), 1, generator=generator)
    now = state.x.gather(-1, axis)
    size = sizes.expand(state.x.shape).gather(-1, axis)
    draw = torch.rand(now.shape, generator=generator)
    anywhere = (torch.rand(now.shape, generator=generator) * size).long()
    step = torch.where(draw < 0.3, now - 1, torch.where(draw < 0.6, now + 1, anywhere))
    target = torch.minimum(step.clamp_min(0), size - 1)
    free = ~opened.gather(-1, axis) & (size > 1)
    target = torch.where(free, target, now)
    low = torch.where(free, target, state.low.gather(-1, axis))
    high = torch.where(free, target, state.high.gather(-1, axis))
    return (
        state.low.scatter(-1, axis, low),
        state.high.scatter(-1, axis, high),
        state.x.scatter(-1, axis, target),
    )


MOVES = (_move_design, _move_box, _move_design, _move_both)
"""In turn; designs move twice as often, because a value is what a bound is judged by."""


def _batched(
    function: Callable[[tuple[Tensor, ...]], Tensor], rows: tuple[Tensor, ...], batch: int
) -> Tensor:
    parts = zip(*(item.split(batch) for item in rows), strict=True)
    return torch.cat([function(part) for part in parts])
