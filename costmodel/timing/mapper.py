"""The best mapping of every GEMM of every design, by exact traffic and exact folds.

The problem separates. Time grows with the bytes from memory, and those depend on the *block* (how
many tile rows run side by side, which panel the shared SRAM holds) once the core tile is given;
array and port time depend on the core tile alone. So for each tile the block with the fewest
bytes is best, and the best tile is then one minimum over T. The pair is the optimum over all
T x U mappings (a test enumerates them).

The choice is made on exact values without gradient; the winner is then evaluated by the same
function, relaxed or not. By the envelope theorem its slope is the slope of the minimum wherever
the winner is unique.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.arrays import tile_cycles
from costmodel.timing.resources import Resources
from costmodel.timing.tables import HOLD_ACTIVATION, HOLD_WEIGHT, Tables

TILE_SHARE = 0.5
"""Half the shared SRAM holds panels and streams, half the activations between operators."""

DEPTH_STEP = 64.0
"""Smallest depth of a streamed tile; a taller array takes its own height [count]."""

NEVER = 1e30


@dataclass(frozen=True)
class Product:
    """[rows, depth] x [depth, columns] products, ``[*batch,P,G]``."""

    rows: Tensor
    columns: Tensor
    depth: Tensor


@dataclass(frozen=True)
class Tile:
    """A mapping, with one dimension more than `Product` while candidates are weighed."""

    rows: Tensor
    columns: Tensor
    fill_cores: Tensor
    block_rows: Tensor
    hold: Tensor


@dataclass(frozen=True)
class Work:
    """What a GEMM costs under a mapping, ``[*batch,P,G]``."""

    array_time: Tensor  # [s]
    array_cycles: Tensor  # [cycle]
    vector_operations: Tensor  # partial sums of a split depth [op]
    vector_time: Tensor  # [s]
    port_time: Tensor  # [s]
    memory_time: Tensor  # [s]
    memory_bytes: tuple[Tensor, Tensor, Tensor]  # activation, weight, output [byte]
    l2_bytes: tuple[Tensor, Tensor, Tensor]
    l1_bytes: tuple[Tensor, Tensor, Tensor]
    footprint: Tensor  # of the tile in L1 [byte]


def spill(size: Tensor, room: Tensor) -> Tensor:
    """Share of `size` bytes that does not fit in `room` bytes [1]."""
    return torch.clamp(1.0 - room / size.clamp_min(1.0), 0.0, 1.0)


def best_tiles(
    product: Product, resources: Resources, tables: Tables, on_chip: bool = True
) -> Tile:
    """The mapping of least time for every design and GEMM, without gradient.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    tables : Tables
        Candidates.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.
    """
    with torch.no_grad():
        wide = Product(*(item.unsqueeze(-1) for item in _fields(product)))
        res = _widen(resources)
        tile = Tile(tables.tile_rows, tables.tile_columns, tables.fill_cores,
                    torch.ones(()), torch.zeros(()))  # fmt: skip
        widest = Product(*(item.unsqueeze(-1) for item in _fields(wide)))
        widest_res = _widen(res)
        blocks = Tile(
            tables.tile_rows.unsqueeze(-1),
            tables.tile_columns.unsqueeze(-1),
            tables.fill_cores.unsqueeze(-1),
            tables.block_rows,
            torch.zeros(()),
        )
        reads = _memory_reads(widest, widest_res, blocks, on_chip, 0.0)
        saved = reads.saved()
        most, block = torch.maximum(torch.maximum(saved[0], saved[1]), saved[2]).max(-1)
        fewest = (reads.alone[0] + reads.alone[1]).squeeze(-1) - most  # [*batch,P,G,T]
        work = _core_work(wide, res, tile, 0.0)
        output = _output_bytes(wide, res, on_chip)
        memory = (fewest + output) * res.has_memory / res.memory_bandwidth
        time = _latency(work, memory, res)
        room = (work.footprint <= res.l1).double()
        time = torch.where(room > 0, time, NEVER * (1.0 + time))
        index = time.argmin(-1, keepdim=True)
        index_u = block.gather(-1, index)  # [*batch,P,G,1]
        hold = torch.stack([_pick(item, index, index_u) for item in saved], -1).argmax(-1).double()
        chosen, index = index_u.squeeze(-1), index.squeeze(-1)
        return Tile(
            rows=tables.tile_rows[index],
            columns=tables.tile_columns[index],
            fill_cores=tables.fill_cores[index],
            block_rows=tables.block_rows[chosen],
            hold=hold,
        )


def gemm_work(
    product: Product, resources: Resources, tile: Tile, relax: float = 0.0, on_chip: bool = True
) -> Work:
    """Times and bytes of GEMMs under given mappings, ``[*batch,P,G]``; gradients flow."""
    work = _core_work(product, resources, tile, relax)
    activation, weight = _memory_reads(product, resources, tile, on_chip, relax).held(tile.hold)
    output = _output_bytes(product, resources, on_chip)
    gate = resources.has_memory
    reads = (activation * gate, weight * gate, output * gate)
    total = torch.stack(torch.broadcast_tensors(*reads), -1).sum(-1)
    # What arrives from memory is written into the shared SRAM once and read from there.
    a, b, c = (moved + read for moved, read in zip(work.l2_bytes, reads, strict=True))
    return Work(
        array_time=work.array_time,
        array_cycles=work.array_cycles,
        vector_operations=work.vector_operations,
        vector_time=work.vector_time,
        port_time=work.port_time,
        memory_time=total / resources.memory_bandwidth,
        memory_bytes=reads,
        l2_bytes=(a, b, c),
        l1_bytes=work.l1_bytes,
        footprint=work.footprint,
    )


def _pick(values: Tensor, tile: Tensor, block: Tensor) -> Tensor:
    """Entry ``[*batch,P,G]`` of ``[*batch,P,G,T,U]`` at indices ``[*batch,P,G,1]``."""
    at_tile = values.gather(-2, tile.unsqueeze(-1).expand(*tile.shape, values.shape[-1]))
    return at_tile.squeeze(-2).gather(-1, block).squeeze(-1)


def _latency(work: Work, memory: Tensor, resources: Resources) -> Tensor:
    parts = torch.stack(
        torch.broadcast_tensors(work.array_time, work.vector_time, work.port_time, memory), -1
    )
    return relaxed.overlap(parts, resources.overlap)


def _fields(product: Product) -> tuple[Tensor, Tensor, Tensor]:
    return product.rows, product.columns, product.depth


def _widen(resources: Resources) -> Resources:
    return Resources(**{key: value.unsqueeze(-1) for key, value in vars(resources).items()})


def _depth_step(resources: Resources) -> Tensor:
    return torch.clamp(resources.rows, min=DEPTH_STEP)


def _split(product: Product, resources: Resources, tile: Tile) -> tuple[Tensor, Tensor, Tensor]:
    """Tile rows, tile columns and the pieces of depth that fill idle cores (integers)."""
    down = torch.ceil(product.rows / torch.minimum(tile.rows, product.rows))
    across = torch.ceil(product.columns / torch.minimum(tile.columns, product.columns))
    most = torch.floor(product.depth / _depth_step(resources)).clamp_min(1.0)
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
    step = _depth_step(r)
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
    return Work(
        array_time=cycles / (r.clock * r.array_efficiency),
        array_cycles=cycles,
        vector_operations=partial,
        vector_time=partial / vector_rate,
        port_time=ports / (r.port_width * r.clock),
        memory_time=torch.zeros_like(cycles),
        memory_bytes=(torch.zeros_like(a), torch.zeros_like(b), torch.zeros_like(outputs)),
        l2_bytes=(a * across, b * down, outputs * width + 2.0 * partial * accumulate),
        l1_bytes=(
            a * across * (1.0 + folds_across),
            b * down * (1.0 + reads_b),
            outputs * accumulate * sums,
        ),
        footprint=footprint,
    )


@dataclass(frozen=True)
class _Blocks:
    """Bytes of activations and weights fetched from memory, for each panel that may be held.

    Entries of the tuples stand for STREAM, HOLD_ACTIVATION and HOLD_WEIGHT.
    """

    alone: tuple[Tensor, Tensor]  # every core fetches for itself [byte]
    shared: tuple[tuple[Tensor, Tensor], ...]  # blocks share what they fetch [byte]
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
) -> _Blocks:
    """Bytes fetched from memory, exact with edge tiles.

    A block is `block_rows` x `block_columns` tiles that run together. Activations are fetched
    once for each block column and weights once for each block row, unless the panel that the
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
    cores = (r.cores / pieces).clamp_min(1.0)
    most_rows = torch.minimum(torch.floor(cores.detach()), down)
    step = 2.0 * _depth_step(r)
    room = TILE_SHARE * r.l2

    block_rows = torch.minimum(tile.block_rows, most_rows)
    side = relaxed.floor(cores / block_rows, relax)
    block_columns = torch.minimum(side.clamp_min(1.0), across)
    repeated_a = size_a * relaxed.ceil_divide(across, block_columns, relax)
    repeated_b = size_b * relaxed.ceil_divide(down, block_rows, relax)
    panel_a = (block_rows * (rows * width)).detach()
    panel_b = (block_columns * (columns * width)).detach()
    return _Blocks(
        alone=(size_a * across, size_b * down),
        shared=((repeated_a, repeated_b), (size_a, repeated_b), (repeated_a, size_b)),
        fits=(
            (step * (panel_a + panel_b) <= room).double(),
            (product.depth * panel_a + step * panel_b <= room).double(),
            (product.depth * panel_b + step * panel_a <= room).double(),
        ),
    )


def _output_bytes(product: Product, resources: Resources, on_chip: bool) -> Tensor:
    size = product.rows * product.columns * resources.element_bytes
    missing = spill(size, TILE_SHARE * resources.l2) if on_chip else torch.ones_like(size)
    return missing * size
