r"""How the tiles of a block are spread over the cores, and the words that a wave of them shares.

*Flat waves*: tiles are dealt to P cores one after another, P consecutive tiles a wave. A run of
consecutive tiles in three nested loops is a handful of boxes, so the words it needs, each counted
once, are a closed form of its two ends. *Partition*: the cores form a grid over rows, columns and
depth and every wave covers one grid of tiles, as a compiler lays it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, maximum, minimum

from costmodel.numerics.relax import ceil_divide
from costmodel.timing.mapping import Product
from costmodel.timing.traffic import LOOPS, POSITIONS


@dataclass(frozen=True)
class Tiles:
    """A block [m, k] x [k, n] cut into core tiles, leaves ``[*batch,P,G]``."""

    block: Product  # m, n, k of the block [count]
    rows: Tensor  # of a tile [count]
    columns: Tensor  # of a tile [count]
    depth: Tensor  # of a tile [count]
    order: Tensor  # index into ORDERS: tiles are dealt with the last loop fastest


@dataclass(frozen=True)
class Words:
    """Words of the three operands, each counted once [count]."""

    a: Tensor
    b: Tensor
    c: Tensor


@dataclass(frozen=True)
class Partition:
    """Waves of a grid of cores; the last dimension of a leaf ``[*batch,P,G,8]`` is a kind of wave.

    Kinds are numbered by the dimensions in which a wave is the last one: ``4 m + 2 n + k``.
    """

    count: Tensor  # waves of this kind [count]
    rows: Tensor  # of its largest tile [count]
    columns: Tensor
    depth: Tensor
    shared: Words  # read by all waves when cores that want the same words share them [*batch,P,G]
    delivered: Words  # into or out of the cores, one by one [*batch,P,G]


@dataclass(frozen=True)
class _Loop:
    """One loop over tiles: extent of the block, size of a tile, number of tiles."""

    extent: Tensor
    tile: Tensor
    trips: Tensor

    def until(self, index: Tensor) -> Tensor:
        """Extent of the tiles before `index`."""
        return minimum(index * self.tile, self.extent)

    def size(self, index: Tensor) -> Tensor:
        """Extent of tile `index`."""
        return self.until(index + 1.0) - self.until(index)

    def covered(self, first: Tensor, last: Tensor) -> Tensor:
        """Extent of the distinct tiles in a run that goes round and round."""
        start = _modulo(first, self.trips)
        end = start + (last - first)
        straight = self.until(minimum(end, self.trips)) - self.until(start)
        wrapped = straight + self.until(maximum(end - self.trips, torch.zeros_like(end)))
        return torch.where(last - first >= self.trips, self.extent, wrapped)


def run_words(tiles: Tiles, first: Tensor, last: Tensor) -> Words:
    """Words that tiles ``first .. last - 1`` need, each counted once.

    Parameters
    ----------
    tiles : Tiles
        Leaves broadcastable with the run.
    first, last : Tensor
        Numbers of the tiles, ``first < last <=`` number of tiles; whole [count].

    Notes
    -----
    With the loops s (slow), m (middle) and f (fast) of :math:`T_s, T_m, T_f` tiles, the operand
    without f belongs to consecutive pairs (s, m); the one without s goes round all pairs (m, f);
    the one without m goes round f in each of the first, the whole and the last planes of s.
    """
    slow, middle, fast = _loops(tiles)
    without_fast = _before(slow, middle, torch.floor((last - 1.0) / fast.trips) + 1.0)
    without_fast = without_fast - _before(slow, middle, torch.floor(first / fast.trips))

    plane = middle.trips * fast.trips
    start = _modulo(first, plane)
    end = start + (last - first)
    straight = _before(middle, fast, minimum(end, plane)) - _before(middle, fast, start)
    round_again = _before(middle, fast, maximum(end - plane, torch.zeros_like(end)))
    every = middle.extent * fast.extent
    without_slow = torch.where(last - first >= plane, every, straight + round_again)

    low, high = torch.floor(first / plane), torch.floor((last - 1.0) / plane)
    beginning = slow.size(low) * fast.covered(first, minimum(last, (low + 1.0) * plane))
    between = (slow.until(high) - slow.until(low + 1.0)) * fast.extent
    ending = slow.size(high) * fast.covered(maximum(first, high * plane), last)
    without_middle = beginning + torch.where(high > low, between + ending, 0.0)
    return _by_operand(tiles.order, (without_slow, without_middle, without_fast))


def flat_waves(tiles: Tiles, cores: Tensor, most: int) -> tuple[Words, Words]:
    """Words of each flat wave, and how many of them the wave before had already.

    Parameters
    ----------
    tiles : Tiles
        Leaves ``[*batch,P,G]``.
    cores : Tensor
        Tiles of a wave, broadcastable [count].
    most : int
        Waves to return; later ones are left out, waves that do not exist are zero.

    Returns
    -------
    tuple of Words
        ``[*batch,P,G,most]``: needed by the wave, and of those, needed by the one before too.
    """
    wide = Tiles(
        Product(*(value.unsqueeze(-1) for value in vars(tiles.block).values())),
        *(value.unsqueeze(-1) for value in (tiles.rows, tiles.columns, tiles.depth, tiles.order)),
    )
    total = torch.ones_like(wide.order)
    for loop in _loops(wide):
        total = total * loop.trips
    number = torch.arange(most, dtype=torch.float64, device=total.device)
    crowd = cores.unsqueeze(-1)
    exists = number * crowd < total
    first = minimum(number * crowd, total - 1.0)
    last = minimum((number + 1.0) * crowd, total)
    earlier = maximum(first - crowd, torch.zeros_like(first))
    needed = run_words(wide, first, last)
    # A run of two waves needs what either needs; what both need is counted once in it.
    either = run_words(wide, earlier, last)
    before = run_words(wide, earlier, maximum(first, torch.ones_like(first)))
    follows = exists & (number > 0)

    def both(name: str) -> Tensor:
        kept = getattr(needed, name) + getattr(before, name) - getattr(either, name)
        return torch.where(follows, kept, 0.0)

    return (
        Words(*(torch.where(exists, value, 0.0) for value in vars(needed).values())),
        Words(both("a"), both("b"), both("c")),
    )


def shared_words(block: Product, rows: Tensor, columns: Tensor, teams: Tensor) -> Words:
    r"""Words that all flat waves of a block read when cores share what they want alike.

    Parameters
    ----------
    block : Product
        m, n, k of the block ``[*batch,P,G]`` [count].
    rows, columns : Tensor
        Of a core tile [count].
    teams : Tensor
        Tiles that run at a time: cores over the pieces that a tile's depth is cut into [count].

    Returns
    -------
    Words
        Sums over all waves ``[*batch,P,G]``; outputs are counted once.

    Notes
    -----
    Tiles are dealt down the rows of one column of tiles after another. A wave of at least
    :math:`T_m` tiles needs every row once, a smaller one no row twice. A column of tiles is read
    once more for each boundary between waves inside it; of the :math:`\lfloor (c T_m - 1)/P
    \rfloor` boundaries in the first c columns, :math:`\lfloor (c - 1) g/P \rfloor` with
    :math:`g = \gcd(P, T_m)` fall between columns.
    """
    down, across = ceil_divide(block.rows, rows), ceil_divide(block.columns, columns)
    total = down * across
    whole = torch.floor(total / teams)
    rest = total - whole * teams
    tail = block.rows - maximum(down - rest, torch.zeros_like(rest)) * rows
    ending = torch.where(rest > 0.0, minimum(tail, block.rows), 0.0)
    read = torch.where(teams >= down, whole * block.rows + ending, across * block.rows)
    common = torch.gcd(teams.long(), down.long()).double()

    def splits(count: Tensor) -> Tensor:
        inside = torch.floor((count * down - 1.0) / teams)
        between = torch.floor((count - 1.0) * common / teams)
        return torch.where(count > 0.0, inside - between, 0.0)

    before_last = splits(across - 1.0)
    last = block.columns - (across - 1.0) * columns
    twice = before_last * columns + (splits(across) - before_last) * last
    return Words(
        a=block.depth * read,
        b=block.depth * (block.columns + twice),
        c=block.rows * block.columns,
    )


def partition(tiles: Tiles, cores: Product) -> Partition:
    """Waves of a grid of cores that covers a block grid by grid.

    Parameters
    ----------
    tiles : Tiles
        Leaves ``[*batch,P,G]``; the order of the waves does not matter here.
    cores : Product
        Cores along rows, columns and depth; those along the depth add up their sums [count].

    Notes
    -----
    A wave lasts as long as its largest tile: a full one, except in the last wave along a
    dimension when less than a tile is left there.
    """
    counts, sizes, waves, spread = [], [], [], []
    per_tile = (tiles.rows, tiles.columns, tiles.depth)
    for extent, tile, crowd in zip(
        vars(tiles.block).values(), per_tile, vars(cores).values(), strict=True
    ):
        number = ceil_divide(extent, tile * crowd)
        counts.append((number - 1.0, torch.ones_like(number)))
        left_over = extent - (number - 1.0) * tile * crowd
        sizes.append((minimum(tile, extent), minimum(tile, left_over)))
        waves.append(number)
        spread.append(ceil_divide(extent, tile))
    kinds = [(index >> 2 & 1, index >> 1 & 1, index & 1) for index in range(8)]
    m, n, k = tiles.block.rows, tiles.block.columns, tiles.block.depth

    def words(times: list[Tensor]) -> Words:
        return Words(a=m * k * times[1], b=k * n * times[0], c=m * n * times[2])

    def by_kind(values: list[tuple[Tensor, Tensor]], dimension: int) -> Tensor:
        return torch.stack([values[dimension][kind[dimension]] for kind in kinds], -1)

    return Partition(
        count=by_kind(counts, 0) * by_kind(counts, 1) * by_kind(counts, 2),
        rows=by_kind(sizes, 0),
        columns=by_kind(sizes, 1),
        depth=by_kind(sizes, 2),
        shared=words(waves),
        delivered=words(spread),
    )


def _modulo(value: Tensor, period: Tensor) -> Tensor:
    return value - torch.floor(value / period) * period


def _before(outer: _Loop, inner: _Loop, index: Tensor) -> Tensor:
    """Words of the pairs before `index`, the inner loop fastest."""
    line = torch.floor(index / inner.trips)
    return outer.until(line) * inner.extent + outer.size(line) * inner.until(
        index - line * inner.trips
    )


def _loops(tiles: Tiles) -> tuple[_Loop, _Loop, _Loop]:
    """Loops over tiles, slowest first."""
    extents = torch.stack(torch.broadcast_tensors(*vars(tiles.block).values(), tiles.order)[:3])
    sizes = torch.stack(
        torch.broadcast_tensors(tiles.rows, tiles.columns, tiles.depth, extents[0])[:3]
    )
    table = torch.tensor(LOOPS, device=tiles.order.device).T
    index = table[:, tiles.order.long()].expand(extents.shape)
    rows = zip(extents.gather(0, index), sizes.gather(0, index), strict=True)
    slow, middle, fast = (_Loop(extent, size, ceil_divide(extent, size)) for extent, size in rows)
    return slow, middle, fast


def _by_operand(order: Tensor, without: tuple[Tensor, Tensor, Tensor]) -> Words:
    """Words of A (no n), B (no m) and C (no k) from words without the loop at each position."""
    turned = torch.stack(torch.broadcast_tensors(*without, order)[:3])
    table = torch.tensor(POSITIONS, device=order.device).T
    index = table[:, order.long()].expand(turned.shape)
    b, a, c = turned.gather(0, index).unbind(0)
    return Words(a, b, c)
