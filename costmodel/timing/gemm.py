"""A GEMM on a compiled machine: a pipeline of blocks through the shared SRAM, summed exactly.

While the cores work on a block, memory brings the next one and takes the outputs of this one.
`costmodel.timing.class_sum` adds the steps of that pipeline in closed form, edges included;
`costmodel.timing.cores` says how long a block keeps the cores busy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.class_sum import class_sum
from costmodel.timing.cores import BlockClasses, block_classes, core_time
from costmodel.timing.mapping import (
    HOLD_ACTIVATION,
    HOLD_OUTPUT,
    HOLD_WEIGHT,
    ORDERS,
    Mapping,
    Product,
)
from costmodel.timing.resources import TILE_SHARE, Resources, depth_step, spill
from costmodel.timing.traffic import traffic
from costmodel.timing.waves import shared_words
from costmodel.timing.work import Work


@dataclass(frozen=True)
class Transfers:
    """Time and bytes that one element takes between memory and shared SRAM ``[*batch,P,G]``."""

    activation: Tensor  # [byte]
    weight: Tensor  # [byte]
    output: Tensor  # [byte]
    partial: Tensor  # read or written [byte]
    read: Tensor  # [s/byte]
    written: Tensor  # [s/byte]


@dataclass(frozen=True)
class Pipeline:
    """All that the sum over blocks needs: to add it up again when memory slows down."""

    product: Product
    mapping: Mapping
    transfers: Transfers
    compute: Tensor  # time of a block of each size [*batch,P,G,8] [s]
    overlap: Tensor
    prefetch: Tensor
    relax: float = 0.0

    def busy(self, slower: Tensor | float = 1.0) -> Tensor:
        """Time from the first byte to the last when memory takes `slower` times as long [s]."""
        t = self.transfers
        read, written = t.read * slower, t.written * slower
        total = class_sum(
            self.product,
            self.mapping,
            t.activation * read,
            t.weight * read,
            t.partial * read,
            t.output * written,
            t.partial * written,
            self.compute,
            self.overlap,
            relax=self.relax,
        ).total
        first = torch.minimum(self.mapping.block_depth, self.product.depth) * torch.minimum(
            self.mapping.block_columns, self.product.columns
        )
        return total - self.prefetch * (t.weight * read * first)


def transfers(product: Product, resources: Resources, on_chip: bool = True) -> Transfers:
    """What an element costs on its way between memory and shared SRAM.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.

    Notes
    -----
    Memory moves whole bursts: a row of K (or N) elements takes ceil(K b / burst) of them.
    A written byte takes `write_turnaround` more time than a read one.
    """
    r = resources
    width, room = r.element_bytes, TILE_SHARE * r.l2

    def padded(run: Tensor) -> Tensor:
        size = run * width
        return width * torch.ceil(size / r.burst) * r.burst / size.clamp_min(1e-12)

    along_depth, along_columns = padded(product.depth), padded(product.columns)
    if on_chip:
        missing = spill(product.rows * product.depth * width, room)
        left = spill(product.rows * product.columns * width, room)
    else:
        missing = left = torch.ones_like(along_depth)
    gate = r.has_memory
    second = 1.0 / r.memory_bandwidth
    return Transfers(
        activation=missing * along_depth * gate,
        weight=along_columns * gate,
        output=left * along_columns * gate,
        partial=(r.accumulator_bytes * gate).expand_as(along_depth),
        read=second,
        written=second * (1.0 + r.write_turnaround),
    )


def l1_need(product: Product, resources: Resources, rows: Tensor, columns: Tensor) -> Tensor:
    """Bytes of a core tile: two steps of both operands and its sums [byte]."""
    r = resources
    tall, broad = torch.minimum(rows, product.rows), torch.minimum(columns, product.columns)
    streams = 2.0 * depth_step(r) * (tall + broad) * r.element_bytes
    return streams + tall * broad * r.accumulator_bytes


def l2_need(product: Product, resources: Resources, mapping: Mapping) -> Tensor:
    """Bytes of a block in the shared SRAM, with the next one on its way [byte].

    An operand whose block never changes has one copy, any other two; a held operand has its
    whole panel and one block more.
    """
    r = resources
    cut = block_classes(product, r, mapping)
    return _l2_need(product, r, mapping, cut)


def _l2_need(product: Product, r: Resources, mapping: Mapping, cut: BlockClasses) -> Tensor:
    whole = {"m": product.rows, "n": product.columns, "k": product.depth}
    block = {
        "m": torch.minimum(mapping.block_rows, product.rows),
        "n": torch.minimum(mapping.block_columns, product.columns),
        "k": torch.minimum(mapping.block_depth, product.depth),
    }
    trips = dict(zip("mnk", cut.trips, strict=True))
    order = mapping.order

    def panel(relevant: str, reuse: str) -> Tensor:
        """Elements of an operand that the loop over `reuse` repeats."""
        size = torch.ones_like(order)
        for dim in relevant:
            inside = torch.zeros_like(order, dtype=torch.bool)
            for number, name in enumerate(ORDERS):
                if name.index(dim) > name.index(reuse):
                    inside = inside | (order == number)
            size = size * torch.where(inside, whole[dim], block[dim])
        return size

    hold = mapping.hold
    bit_c = hold >= HOLD_OUTPUT
    rest = hold - HOLD_OUTPUT * bit_c
    bit_b = rest >= HOLD_WEIGHT
    bit_a = (rest - HOLD_WEIGHT * bit_b) >= HOLD_ACTIVATION
    width = r.element_bytes
    total = torch.zeros_like(order)
    for held, first, second, reuse in ((bit_a, "m", "k", "n"), (bit_b, "k", "n", "m")):
        one = block[first] * block[second]
        fixed = (trips[first] == 1.0) & (trips[second] == 1.0)
        plain = torch.where(fixed, one, 2.0 * one)
        total = total + width * torch.where(
            held & ~fixed, panel(first + second, reuse) + one, plain
        )
    one = block["m"] * block["n"]
    partial = (trips["k"] > 1.0) & (cut.resident == 0.0)
    plain = one * torch.where(partial, r.accumulator_bytes, width)
    held_c = r.accumulator_bytes * panel("mn", "k") + width * one
    return total + torch.where(bit_c, held_c, plain)


def gemm_work(
    product: Product,
    resources: Resources,
    mapping: Mapping,
    relax: float = 0.0,
    on_chip: bool = True,
) -> tuple[Work, Pipeline]:
    """Times and bytes of GEMMs under given mappings; gradients flow.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    mapping : Mapping
        Leaves ``[*batch,P,G]``.
    relax : float
        0 for exact counts.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.
    """
    r = resources
    cut = block_classes(product, r, mapping)
    cores = core_time(r, mapping, cut, relax)
    cost = transfers(product, r, on_chip)
    pipeline = Pipeline(product, mapping, cost, cores.total, r.overlap, r.prefetch, relax)
    moved = traffic(product, mapping, relax)
    partial = (moved.partial_read + moved.partial_write) * cost.partial
    memory = (moved.a * cost.activation, moved.b * cost.weight,
              moved.output * cost.output + partial)  # fmt: skip
    memory_time = (memory[0] + memory[1] + moved.partial_read * cost.partial) * cost.read + (
        moved.output * cost.output + moved.partial_write * cost.partial
    ) * cost.written

    def over_blocks(values: Tensor) -> Tensor:
        return (values * cut.count).sum(-1)

    size_a = product.rows * product.depth * r.element_bytes
    size_b = product.depth * product.columns * r.element_bytes
    outputs = product.rows * product.columns
    down = _tiles(product.rows, mapping.block_rows, mapping.rows, cut.trips[0])
    across = _tiles(product.columns, mapping.block_columns, mapping.columns, cut.trips[1])
    read_a, read_b = _shared_reads(r, mapping, cut, (size_a * across, size_b * down))
    passes = cut.trips[2]
    stays = torch.maximum(cut.resident, (passes == 1.0).double())
    operations = over_blocks(cores.vector_operations)
    width = stays * r.element_bytes + (1.0 - stays) * 2.0 * r.accumulator_bytes * passes
    sums = outputs * width + 2.0 * operations * r.accumulator_bytes
    depth = relaxed.ceil_divide(
        torch.minimum(mapping.block_depth, product.depth), mapping.pieces, relax
    )
    folds_across = relaxed.ceil_divide(
        torch.minimum(mapping.columns, product.columns), r.columns, relax
    )
    folds_down = relaxed.ceil_divide(torch.minimum(mapping.rows, product.rows), r.rows, relax)
    folds_deep = relaxed.ceil_divide(depth, r.rows * r.rate.clamp_min(1e-12), relax)
    folds_deep = folds_deep * mapping.pieces * passes
    stationary = r.weight_stationary
    reads_b = stationary + (1.0 - stationary) * folds_down
    adds = stationary * 2.0 * folds_deep + (1.0 - stationary)
    work = Work(
        busy=pipeline.busy(),
        array_time=over_blocks(cores.array),
        array_cycles=over_blocks(cores.array_cycles),
        vector_operations=operations,
        vector_time=over_blocks(cores.vector),
        port_time=over_blocks(cores.port),
        memory_time=memory_time,
        memory_bytes=memory,
        l2_bytes=(read_a + memory[0], read_b + memory[1], sums + memory[2]),
        l1_bytes=(
            size_a * across * (1.0 + folds_across),
            size_b * down * (1.0 + reads_b),
            outputs * r.accumulator_bytes * adds,
        ),
        l1_need=l1_need(product, r, mapping.rows, mapping.columns),
        l2_need=_l2_need(product, r, mapping, cut),
    )
    return work, pipeline


def _shared_reads(
    r: Resources, mapping: Mapping, cut: BlockClasses, alone: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Bytes of both operands read from the shared SRAM [byte].

    Every core reads for itself (`alone`), or, with multicast, a wave reads once what several of
    its cores want.
    """
    if not bool((r.multicast > 0).any()):
        return alone
    words = shared_words(
        Product(*cut.sizes),
        mapping.rows.unsqueeze(-1),
        mapping.columns.unsqueeze(-1),
        torch.floor(r.cores / mapping.pieces).clamp_min(1.0).unsqueeze(-1),
    )
    together = [(item * cut.count).sum(-1) * r.element_bytes for item in (words.a, words.b)]
    first, second = (
        torch.where(r.multicast > 0, shared, own)
        for shared, own in zip(together, alone, strict=True)
    )
    return first, second


def gemm_time(
    product: Product, resources: Resources, mapping: Mapping, on_chip: bool = True
) -> Tensor:
    """Time of GEMMs under given mappings, launch aside: what the mapper minimises [s]."""
    cut = block_classes(product, resources, mapping)
    compute = core_time(resources, mapping, cut).total
    cost = transfers(product, resources, on_chip)
    return Pipeline(product, mapping, cost, compute, resources.overlap, resources.prefetch).busy()


def _tiles(whole: Tensor, block: Tensor, tile: Tensor, trips: Tensor) -> Tensor:
    """Core tiles along a dimension, counted block by block [count]."""
    last = whole - (trips - 1.0) * block
    full = torch.ceil(torch.minimum(block, whole) / tile)
    return (trips - 1.0) * full + torch.ceil(last / tile)
