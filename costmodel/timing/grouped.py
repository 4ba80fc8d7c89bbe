"""Grouped matrix products: many small ones with weights of their own, such as a layer of experts.

The tiles of all groups are dealt to the cores in turn as if they were one product, so that a
group of few rows leaves no core idle; only its own last tile is partly empty. A group's weights
move once: its row tiles stand side by side. Its activations move once where they fit in the
shared SRAM, else once for every panel of columns.

Monotone: for a given tile every lane falls with cores, clock, lanes, port and bandwidth, and a
larger L1 or shared SRAM only adds tiles or saves reads.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.arrays import tile_cycles
from costmodel.timing.resources import TILE_SHARE, Resources, depth_step, spill
from costmodel.timing.work import Work

TILE_ROWS = (16.0, 32.0, 64.0, 128.0, 256.0)
TILE_COLUMNS = (64.0, 128.0, 256.0, 512.0)
PIECES = (1.0, 2.0, 4.0, 8.0)
"""Cores that share the depth of a tile [count]."""

NEVER = 1e30


@dataclass(frozen=True)
class GroupedShape:
    """``groups`` products [rows, depth] x [depth, columns], leaves ``[*batch,P,G]`` [count].

    ``members`` ``[*batch,P,G,E]`` holds the rows of every group where they are known (0 = the
    group is not there); otherwise all have `rows`.
    """

    groups: Tensor
    rows: Tensor
    columns: Tensor
    depth: Tensor
    members: Tensor | None = None

    @property
    def all_rows(self) -> Tensor:
        """Rows of all groups [count]."""
        return self.groups * self.rows if self.members is None else self.members.sum(-1)

    @property
    def present(self) -> Tensor:
        """Groups that have any row [count]."""
        if self.members is None:
            return self.groups
        return (self.members > 0).double().sum(-1)

    def row_tiles(self, height: Tensor, relax: float = 0.0) -> Tensor:
        """Tiles of `height` rows that cover every group by itself [count]."""
        if self.members is None:
            return self.groups * relaxed.ceil_divide(self.rows, height, relax)
        return relaxed.ceil_divide(self.members, height.unsqueeze(-1), relax).sum(-1)


@dataclass(frozen=True)
class GroupedTile:
    """A tile of a core and the cores that share its depth, ``[*batch,P,G(,T)]`` [count]."""

    rows: Tensor
    columns: Tensor
    pieces: Tensor


def grouped_work(
    shape: GroupedShape, resources: Resources, relax: float = 0.0, on_chip: bool = True
) -> tuple[Work, GroupedTile]:
    """Times and bytes of grouped products under the tile of least time.

    Parameters
    ----------
    shape : GroupedShape
        Leaves ``[*batch,P,G]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    relax : float
        0 for exact counts.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.

    References
    ----------
    Gale et al., MegaBlocks, arXiv:2211.15841: tiles of ragged groups dealt as one product.
    """
    tile = best_tile(shape, resources, on_chip)
    return tiled_work(shape, resources, tile, relax, on_chip), tile


def best_tile(shape: GroupedShape, resources: Resources, on_chip: bool = True) -> GroupedTile:
    """The tile of least time, without gradient ``[*batch,P,G]``."""
    with torch.no_grad():
        wide = dataclasses.replace(
            shape,
            **{
                name: getattr(shape, name).unsqueeze(-1)
                for name in ("groups", "rows", "columns", "depth")
            },
            members=None if shape.members is None else shape.members.unsqueeze(-2),
        )
        widened = Resources(**{key: leaf.unsqueeze(-1) for key, leaf in vars(resources).items()})
        table = torch.cartesian_prod(
            *(torch.tensor(x, dtype=torch.float64) for x in (TILE_ROWS, TILE_COLUMNS, PIECES))
        )
        tiles = GroupedTile(*(column.contiguous() for column in table.unbind(-1)))
        work = tiled_work(wide, widened, tiles, 0.0, on_chip)
        fits = work.l1_need <= widened.l1
        index = torch.where(fits, work.busy, NEVER * (1.0 + work.busy)).argmin(-1)
        return GroupedTile(tiles.rows[index], tiles.columns[index], tiles.pieces[index])


def tiled_work(
    shape: GroupedShape,
    resources: Resources,
    tile: GroupedTile,
    relax: float = 0.0,
    on_chip: bool = True,
) -> Work:
    """Times and bytes under a given tile; a partly empty tile costs a whole one."""
    r = resources
    width, accumulate = r.element_bytes, r.accumulator_bytes
    largest = shape.rows if shape.members is None else shape.members.amax(-1)
    rows = torch.minimum(tile.rows, torch.ceil(largest.detach()).clamp_min(1.0))
    columns = torch.minimum(tile.columns, shape.columns)
    across = relaxed.ceil_divide(shape.columns, columns, relax)
    tiles = shape.row_tiles(rows, relax) * across
    waves = relaxed.ceil_divide(tiles * tile.pieces, r.cores, relax)
    depth = relaxed.ceil_divide(shape.depth, tile.pieces, relax)
    cycles = waves * tile_cycles(r, rows, columns, depth, relax)
    parted = tile.pieces > 1.0
    leaving = torch.where(parted, accumulate, width)
    port = waves * (depth * (rows + columns) * width + rows * columns * leaving)
    outputs = shape.all_rows * shape.columns
    partial = torch.where(parted, tile.pieces * outputs, torch.zeros_like(outputs))

    activations = shape.all_rows * shape.depth * width
    weights = shape.present * shape.depth * shape.columns * width
    room = TILE_SHARE * r.l2
    kept = (largest * shape.depth * width <= room).double().detach()
    times = kept + (1.0 - kept) * across
    missing = _missing(activations, room, on_chip), _missing(outputs * width, room, on_chip)
    gate = r.has_memory
    reads = (
        missing[0] * activations * times * gate,
        weights * gate,
        missing[1] * outputs * width * gate,
    )
    memory = (reads[0] + reads[1] + reads[2] * (1.0 + r.write_turnaround)) / r.memory_bandwidth
    seconds = (
        cycles / (r.clock * r.array_efficiency),
        partial / (r.lanes * r.clock * r.vector_efficiency),
        port / (r.port_width * r.clock),
        memory,
    )
    lanes = torch.broadcast_tensors(*seconds)
    down = shape.row_tiles(rows, relax)
    step = depth_step(r)
    folds = relaxed.ceil_divide(columns, r.columns, relax)
    return Work(
        busy=relaxed.overlap(torch.stack(lanes, -1), r.overlap),
        array_time=lanes[0],
        array_cycles=cycles,
        vector_operations=partial,
        vector_time=lanes[1],
        port_time=lanes[2],
        memory_time=lanes[3],
        memory_bytes=reads,
        l2_bytes=(
            activations * across + reads[0],
            down * shape.depth * shape.columns * width + reads[1],
            outputs * width + reads[2] + 2.0 * partial * accumulate,
        ),
        l1_bytes=(
            activations * across * (1.0 + folds),
            2.0 * down * shape.depth * shape.columns * width,
            2.0 * outputs * accumulate,
        ),
        l1_need=2.0 * step * (rows + columns) * width + rows * columns * accumulate,
        l2_need=torch.minimum(largest * shape.depth * width, room),
    )


def _missing(size: Tensor, room: Tensor, on_chip: bool) -> Tensor:
    return spill(size, room) if on_chip else torch.ones_like(size)
