"""Tiles dealt in waves by hardware: how a GPU runs a GEMM of a kernel library.

Time is the imperfect overlap of four totals (array, vector, port, memory). The problem separates.
Time grows with the bytes from memory, and those depend on the *group* of tiles that runs at once
(how many tile rows side by side, which panel the shared SRAM holds) once the core tile is given;
array and port time depend on the core tile alone. So for each tile the group with the fewest
bytes is best, and the best tile is then one minimum over T: the optimum over all T x U mappings
(a test enumerates them).

The choice is made on exact values without gradient; the winner is then evaluated by the same
function, relaxed or not. By the envelope theorem its slope is the slope of the minimum wherever
the winner is unique.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product as every_pair

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.arrays import tile_cycles
from costmodel.timing.kernel_library import kernel_tiles
from costmodel.timing.mapping import HOLD_ACTIVATION, HOLD_WEIGHT, Mapping, Product
from costmodel.timing.resources import TILE_SHARE, Resources, depth_step, spill
from costmodel.timing.work import Work

TILE_ROWS = (16, 32, 64, 128, 256, 512)
TILE_COLUMNS = (64, 128, 256, 512, 1024)
GROUP_EXPONENTS = (0, 1, 2, 3, 4, 5, 6)
NEVER = 1e30


@dataclass(frozen=True)
class TileSet:
    """Candidates: T core tiles, U groups and the three panels that may be held."""

    rows: Tensor  # [T]
    columns: Tensor  # [T]
    fill_cores: Tensor  # [T] 1 = split the depth over cores that would idle
    shipped: Tensor  # [T] 1 = a kernel library that people run has this tile
    group_rows: Tensor  # [U] tile rows that run side by side

    @property
    def mappings(self) -> int:
        """Mappings weighed for one GEMM."""
        return int(3 * self.rows.numel() * self.group_rows.numel())


def tile_set(
    tile_rows: tuple[int, ...] = TILE_ROWS,
    tile_columns: tuple[int, ...] = TILE_COLUMNS,
    library: tuple[tuple[int, int], ...] | None = None,
) -> TileSet:
    """Core tiles: a lattice, and those of a shipped kernel library.

    >>> tile_set((64, 128), (256,), library=()).mappings  # 2 tiles, depth split or not, 7 groups
    84
    """
    known = kernel_tiles() if library is None else library
    pairs = dict.fromkeys([*every_pair(tile_rows, tile_columns), *known])
    tile = torch.tensor(
        [(*pair, fill, pair in known) for pair in pairs for fill in (0, 1)], dtype=torch.float64
    )
    return TileSet(
        rows=tile[:, 0].contiguous(),
        columns=tile[:, 1].contiguous(),
        fill_cores=tile[:, 2].contiguous(),
        shipped=tile[:, 3].contiguous(),
        group_rows=torch.tensor([2.0**e for e in GROUP_EXPONENTS], dtype=torch.float64),
    )


@dataclass(frozen=True)
class Tile:
    """A mapping, with one dimension more than `Product` while candidates are weighed."""

    rows: Tensor
    columns: Tensor
    fill_cores: Tensor
    group_rows: Tensor
    hold: Tensor


def best_tiles(
    product: Product, resources: Resources, tiles: TileSet, on_chip: bool = True
) -> Tile:
    """The mapping of least time for every design and GEMM, without gradient.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    tiles : TileSet
        Candidates; software with a kernel library takes the shipped ones alone.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.
    """
    with torch.no_grad():
        wide = Product(*(item.unsqueeze(-1) for item in _fields(product)))
        res = _widen(resources)
        tile = Tile(tiles.rows, tiles.columns, tiles.fill_cores,
                    torch.ones(()), torch.zeros(()))  # fmt: skip
        widest = Product(*(item.unsqueeze(-1) for item in _fields(wide)))
        widest_res = _widen(res)
        groups = Tile(
            tiles.rows.unsqueeze(-1),
            tiles.columns.unsqueeze(-1),
            tiles.fill_cores.unsqueeze(-1),
            tiles.group_rows,
            torch.zeros(()),
        )
        reads = _memory_reads(widest, widest_res, groups, on_chip, 0.0)
        saved = reads.saved()
        most, group = torch.maximum(torch.maximum(saved[0], saved[1]), saved[2]).max(-1)
        fewest = (reads.alone[0] + reads.alone[1]).squeeze(-1) - most  # [*batch,P,G,T]
        work = _core_work(wide, res, tile, 0.0)
        output = _output_bytes(wide, res, on_chip)
        gate = res.has_memory
        time = _latency(work, _memory_time(fewest * gate, output * gate, res), res)
        offered = (res.kernel_library == 0) | (tiles.shipped > 0)
        time = torch.where(offered & (work.l1_need <= res.l1), time, NEVER * (1.0 + time))
        index = time.argmin(-1, keepdim=True)
        index_u = group.gather(-1, index)  # [*batch,P,G,1]
        best = torch.stack([_pick(item, index, index_u) for item in saved], -1).argmax(-1)
        chosen, index = index_u.squeeze(-1), index.squeeze(-1)
        return Tile(
            rows=tiles.rows[index],
            columns=tiles.columns[index],
            fill_cores=tiles.fill_cores[index],
            group_rows=tiles.group_rows[chosen],
            hold=best.double(),  # STREAM, HOLD_ACTIVATION and HOLD_WEIGHT are 0, 1 and 2
        )


def wave_work(
    product: Product, resources: Resources, tile: Tile, relax: float = 0.0, on_chip: bool = True
) -> Work:
    """Times and bytes of GEMMs under given mappings, ``[*batch,P,G]``; gradients flow."""
    r = resources
    work = _core_work(product, r, tile, relax)
    activation, weight = _memory_reads(product, r, tile, on_chip, relax).held(tile.hold)
    output = _output_bytes(product, r, on_chip)
    gate = r.has_memory
    moved = (activation * gate, weight * gate, output * gate)
    memory_time = _memory_time(moved[0] + moved[1], moved[2], r)
    # What arrives from memory is written into the shared SRAM once and read from there.
    a, b, c = (held + passing for held, passing in zip(work.l2_bytes, moved, strict=True))
    return dataclasses.replace(
        work,
        busy=_latency(work, memory_time, r),
        memory_time=memory_time,
        memory_bytes=moved,
        l2_bytes=(a, b, c),
    )


def wave_mapping(product: Product, resources: Resources, tile: Tile) -> Mapping:
    """The tiles in the words of every other mapping: a block is a group that runs at once."""
    r = resources
    rows = torch.minimum(tile.rows, product.rows)
    columns = torch.minimum(tile.columns, product.columns)
    down, across, pieces = _split(product, r, tile)
    group_rows, group_columns = _group(r, tile, down, across, pieces)
    return Mapping(
        rows=rows,
        columns=columns,
        pieces=pieces,
        block_rows=torch.minimum(group_rows * rows, product.rows),
        block_columns=torch.minimum(torch.floor(group_columns) * columns, product.columns),
        block_depth=torch.minimum(depth_step(r), product.depth),
        order=torch.where(tile.hold == HOLD_WEIGHT, 1.0, 0.0).expand_as(rows),
        hold=tile.hold.expand_as(rows),
    )


def _pick(values: Tensor, tile: Tensor, group: Tensor) -> Tensor:
    """Entry ``[*batch,P,G]`` of ``[*batch,P,G,T,U]`` at indices ``[*batch,P,G,1]``."""
    at_tile = values.gather(-2, tile.unsqueeze(-1).expand(*tile.shape, values.shape[-1]))
    return at_tile.squeeze(-2).gather(-1, group).squeeze(-1)


def _latency(work: Work, memory: Tensor, resources: Resources) -> Tensor:
    parts = torch.stack(
        torch.broadcast_tensors(work.array_time, work.vector_time, work.port_time, memory), -1
    )
    return relaxed.overlap(parts, resources.overlap)


def _memory_time(read: Tensor, written: Tensor, resources: Resources) -> Tensor:
    r = resources
    return (read + written * (1.0 + r.write_turnaround)) / r.memory_bandwidth


def _fields(product: Product) -> tuple[Tensor, Tensor, Tensor]:
    return product.rows, product.columns, product.depth


def _widen(resources: Resources) -> Resources:
    return Resources(**{key: value.unsqueeze(-1) for key, value in vars(resources).items()})


def _split(product: Product, resources: Resources, tile: Tile) -> tuple[Tensor, Tensor, Tensor]:
    """Tile rows, tile columns and the pieces of depth that fill idle cores (integers)."""
    down = torch.ceil(product.rows / torch.minimum(tile.rows, product.rows))
    across = torch.ceil(product.columns / torch.minimum(tile.columns, product.columns))
    most = torch.floor(product.depth / depth_step(resources)).clamp_min(1.0)
    idle = torch.floor(resources.cores.detach() / (down * across)).clamp_min(1.0)
    pieces = torch.where(tile.fill_cores > 0, torch.minimum(idle, most), torch.ones_like(idle))
    return down, across, pieces


def _core_work(product: Product, resources: Resources, tile: Tile, relax: float) -> Work:
    """Everything that the core tile alone decides; memory entries are zero."""
    r = resources
    rows = torch.minimum(tile.rows, product.rows)
    columns = torch.minimum(tile.columns, product.columns)
    down, across, pieces = _split(product, r, tile)
    depth = relaxed.ceil_divide(product.depth, pieces, relax)
    waves = relaxed.ceil_divide(down * across * pieces, r.cores, relax)
    cycles = waves * tile_cycles(r, rows, columns, depth, relax)
    width, accumulate = r.element_bytes, r.accumulator_bytes
    ports = waves * (depth * (rows + columns) * width + rows * columns * width)
    step = depth_step(r)
    footprint = 2.0 * step * (rows + columns) * width + rows * columns * accumulate
    outputs = product.rows * product.columns
    partial = torch.where(pieces > 1.0, pieces, torch.zeros_like(pieces)) * outputs
    vector_rate = r.lanes * r.clock * r.vector_efficiency
    a = product.rows * product.depth * width
    b = product.depth * product.columns * width
    folds_across = relaxed.ceil_divide(columns, r.columns, relax)
    folds_down = relaxed.ceil_divide(rows, r.rows, relax)
    folds_deep = relaxed.ceil_divide(depth, r.rows * r.rate.clamp_min(1e-12), relax) * pieces
    stationary = r.weight_stationary
    reads_b = stationary + (1.0 - stationary) * folds_down
    sums = stationary * 2.0 * folds_deep + (1.0 - stationary)
    zero = torch.zeros_like(cycles)
    return Work(
        busy=zero,
        array_time=cycles / (r.clock * r.array_efficiency),
        array_cycles=cycles,
        vector_operations=partial,
        vector_time=partial / vector_rate,
        port_time=ports / (r.port_width * r.clock),
        memory_time=zero,
        memory_bytes=(zero, zero, zero),
        l2_bytes=(a * across, b * down, outputs * width + 2.0 * partial * accumulate),
        l1_bytes=(
            a * across * (1.0 + folds_across),
            b * down * (1.0 + reads_b),
            outputs * accumulate * sums,
        ),
        l1_need=footprint,
        l2_need=zero,
    )


@dataclass(frozen=True)
class _Panels:
    """Bytes of activations and weights fetched from memory, for each panel that may be held.

    Entries of the tuples stand for STREAM, HOLD_ACTIVATION and HOLD_WEIGHT.
    """

    alone: tuple[Tensor, Tensor]  # every core fetches for itself [byte]
    shared: tuple[tuple[Tensor, Tensor], ...]  # groups share what they fetch [byte]
    fits: tuple[Tensor, ...]  # 1 = the shared SRAM has room for it

    def saved(self) -> list[Tensor]:
        """Bytes saved against `alone` with each panel."""
        alone = self.alone[0] + self.alone[1]
        return [fit * (alone - (a + b)) for (a, b), fit in zip(self.shared, self.fits, strict=True)]

    def held(self, hold: Tensor) -> tuple[Tensor, Tensor]:
        """Bytes with the panel that `hold` names."""
        is_a, is_b = hold == HOLD_ACTIVATION, hold == HOLD_WEIGHT

        def choose(items: tuple[Tensor, ...]) -> Tensor:
            return torch.where(is_a, items[1], torch.where(is_b, items[2], items[0]))

        fit = choose(self.fits)
        first, second = (
            fit * choose(tuple(pair[operand] for pair in self.shared))
            + (1.0 - fit) * self.alone[operand]
            for operand in (0, 1)
        )
        return first, second


def _memory_reads(
    product: Product, resources: Resources, tile: Tile, on_chip: bool, relax: float
) -> _Panels:
    """Bytes fetched from memory, exact with edge tiles.

    A group is `group_rows` x `group_columns` tiles that run together. Activations are fetched
    once for each group column and weights once for each group row, unless the panel that the
    inner loop repeats stays in the shared SRAM. Without room every core fetches for itself.
    """
    r = resources
    width = r.element_bytes
    rows = torch.minimum(tile.rows, product.rows)
    columns = torch.minimum(tile.columns, product.columns)
    down, across, pieces = _split(product, r, tile)
    size_a = product.rows * product.depth * width
    size_b = product.depth * product.columns * width
    if on_chip:
        size_a = size_a * spill(size_a, TILE_SHARE * r.l2)
    group_rows, group_columns = _group(r, tile, down, across, pieces, relax)
    step = 2.0 * depth_step(r)
    room = TILE_SHARE * r.l2

    repeated_a = size_a * relaxed.ceil_divide(across, group_columns, relax)
    repeated_b = size_b * relaxed.ceil_divide(down, group_rows, relax)
    panel_a = (group_rows * (rows * width)).detach()
    panel_b = (group_columns * (columns * width)).detach()
    return _Panels(
        alone=(size_a * across, size_b * down),
        shared=((repeated_a, repeated_b), (size_a, repeated_b), (repeated_a, size_b)),
        fits=(
            (step * (panel_a + panel_b) <= room).double(),
            (product.depth * panel_a + step * panel_b <= room).double(),
            (product.depth * panel_b + step * panel_a <= room).double(),
        ),
    )


def _group(
    resources: Resources,
    tile: Tile,
    down: Tensor,
    across: Tensor,
    pieces: Tensor,
    relax: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Tile rows and tile columns that run at once [count]."""
    cores = (resources.cores / pieces).clamp_min(1.0)
    rows = torch.minimum(tile.group_rows, torch.minimum(torch.floor(cores.detach()), down))
    side = relaxed.floor(cores / rows, relax)
    return rows, torch.minimum(side.clamp_min(1.0), across)


def _output_bytes(product: Product, resources: Resources, on_chip: bool) -> Tensor:
    size = product.rows * product.columns * resources.element_bytes
    missing = spill(size, TILE_SHARE * resources.l2) if on_chip else torch.ones_like(size)
    return missing * size
