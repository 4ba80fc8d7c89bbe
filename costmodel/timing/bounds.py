"""Lower bounds on times and counts of operators over boxes of machines.

Every bound is the model's own code at the corner of a box where the machine offers most, or a
floor that holds for every mapping at that corner. The declarations below say why that corner is
the right one; `costmodel.bounds` puts the parts together for whole designs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.numerics.interval import Monotone
from costmodel.timing.attention import AttentionShape
from costmodel.timing.attention_lanes import SOFTMAX_OPERATIONS
from costmodel.timing.attention_units import QUERY_ROWS
from costmodel.timing.gemm import l1_need, transfers
from costmodel.timing.least_pipeline import NEVER, least_pipelines
from costmodel.timing.mapper import kernel_rows
from costmodel.timing.mapping import Product
from costmodel.timing.resources import TILE_SHARE, Resources, depth_step, spill

GEMM = Monotone(
    "the time of a GEMM under its best mapping",
    falls={
        # For one mapping each of these holds; and none of them takes a mapping away, so the least
        # time over all mappings that fit falls as well.
        "cores": "a block takes ceil(tiles / cores) waves; sums stay in the cores if tiles fit",
        "clock": "array, port and vector times of a block are cycles over the clock",
        "arrays": "the folds of a tile are dealt to the arrays, ceil(folds / arrays) rounds",
        "lanes": "adding up the pieces of a depth is operations over the lanes",
        "port_width": "port time is bytes over the width",
        "l1": "only says which core tiles fit",
        "l2": "says which blocks fit, and the share of activations that spills is 1 - room / size",
        "memory_bandwidth": "every element takes bytes over the bandwidth, and steps rise in it",
        "array_efficiency": "a divisor of array time",
        "vector_efficiency": "a divisor of vector time",
        "prefetch": "what is loaded before is taken off, never more than the first read",
    },
    rises={
        "write_turnaround": "a factor of the time of every written byte",
        "launch": "added",
    },
    unread={
        "exponential_cost": "no exponentials in a product",
        "attention_efficiency": "of attention alone",
    },
)
"""Not in `rows`, `columns` of an array: a larger one fills longer and folds edges worse."""

VECTOR = Monotone(
    "the time of a vector operator",
    falls={
        "lanes": "operations over lanes",
        "clock": "lanes and ports tick with it",
        "cores": "bytes over the ports of all cores",
        "port_width": "bytes over the width",
        "l2": "the share of activations that spills is 1 - room / size",
        "memory_bandwidth": "bytes over the bandwidth",
        "vector_efficiency": "a divisor of vector time",
    },
    rises={
        "exponential_cost": "operations that each exponential counts as",
        "launch": "added",
    },
    unread={
        "l1": "a stream needs no room",
        "arrays": "vector operators leave the arrays alone",
        "array_efficiency": "vector operators leave the arrays alone",
        "attention_efficiency": "of attention alone",
        "prefetch": "of weights alone",
    },
)


@dataclass(frozen=True)
class Counts:
    """Least bytes and operations of operators over every mapping that fits, ``[*batch,P,G]``."""

    memory_bytes: tuple[Tensor, Tensor, Tensor]  # by operand, as in `Work` [byte]
    l2_bytes: tuple[Tensor, Tensor, Tensor]
    l1_bytes: tuple[Tensor, Tensor, Tensor]
    vector_operations: Tensor  # [op]
    slot_cycles: Tensor  # cycles of every MAC slot of every array, busy or idle [cycle]


def gemm_least(product: Product, resources: Resources, on_chip: bool = True) -> Tensor:
    """A time that no mapping of a compiled machine undercuts, launch aside [s].

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        The best corner of a box, ``GEMM.least(box)``; leaves ``[*batch,1,1]``.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.

    Notes
    -----
    Let S(r) be the mappings that fit machine r and t(m, r) the time of one. Inside the box S(r) is
    a subset of S(corner) and t(m, r) >= t(m, corner), so whatever a heuristic chooses for r takes
    at least the minimum of t(m, corner) over S(corner), and that is at least what is returned:
    the least over every whole size of block, see `least_pipeline`, for any tiles and pieces.
    """
    with torch.no_grad():
        rows = kernel_rows(product, resources, on_chip)
        # Amounts as they are, whole or not.
        sizes = torch.broadcast_tensors(product.rows, product.columns, product.depth)
        rows[..., :3] = torch.stack(sizes, -1)
        packed = np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]).numpy())
        answers = np.empty(len(packed))
        least_pipelines(packed, answers)
        bound = torch.from_numpy(answers).reshape(rows.shape[:-1])
        floor = gemm_floor(product, resources, on_chip)
        # Where not even the smallest block fits, what remains is the compulsory work.
        return torch.where(bound < NEVER, torch.maximum(bound, floor), floor)


def gemm_floor(product: Product, resources: Resources, on_chip: bool = True) -> Tensor:
    r"""A time that no mapping of a GEMM undercuts, from the compulsory work alone [s].

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        The best corner of a box; leaves ``[*batch,1,1]``. For machines that hardware schedules
        and for compiled ones.
    on_chip : bool
        As in `gemm_least`.

    Notes
    -----
    The pipeline of a mapping takes :math:`\sum_j \lVert (x_j, y_j) \rVert_p` with the memory time
    :math:`x_j` and the core time :math:`y_j` of each step. By Minkowski's inequality that is at
    least :math:`\lVert (\sum x_j, \sum y_j) \rVert_p`, and the core time is itself such a norm, so
    the total is at least the norm of the total memory, array and port times, each of which has a
    floor:

    - memory: every operand once, less what is prefetched and stays on the chip;
    - array: the slots that the MACs clock at least, `slots_per_mac`, over those of all arrays
      (waves are at least tiles / cores);
    - port: a tile of m x n outputs needs m + n operand elements for each step of the depth, that is
      1/m + 1/n for each MAC; the largest tile that fits L1 bounds m and n.
    """
    r = resources
    macs = product.rows * product.columns * product.depth
    speed = r.rows * r.columns * r.rate * r.arrays * r.cores
    slots = macs * slots_per_mac(r, torch.minimum(product.rows, _longest_side(product, r)))
    array = slots / (speed.clamp_min(1e-12) * r.clock * r.array_efficiency)
    activation, weight, output = gemm_bytes(product, r, on_chip)
    # At most the first block of weights is loaded before; it is no larger than its room, or the
    # smallest block there is.
    smallest = r.rows * r.columns * r.element_bytes
    early = torch.minimum(weight, torch.maximum(TILE_SHARE * r.l2, smallest)) * r.prefetch
    read = activation + weight - torch.where(in_waves(r), torch.zeros(()), early)
    written = output * (1.0 + r.write_turnaround)
    memory = (read.clamp_min(0.0) + written) / r.memory_bandwidth
    outputs = (
        product.rows * product.columns * torch.minimum(r.element_bytes, 2.0 * r.accumulator_bytes)
    )
    moved = macs * operands_per_mac(product, r) * r.element_bytes
    port = (moved + outputs) / (r.cores * r.port_width * r.clock)
    parts = torch.stack(torch.broadcast_tensors(array, port, memory), -1)
    return relaxed.overlap(parts, r.overlap)


def gemm_bytes(
    product: Product, resources: Resources, on_chip: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Compulsory bytes from and to memory: each operand once, less what stays on the chip."""
    r = resources
    cost = transfers(product, r, on_chip)
    # Waves count bytes as they are, without bursts.
    whole = cost.weight.clamp_min(1e-300)
    bursts = torch.where(in_waves(r), r.element_bytes / whole, torch.ones(()))
    bursts = torch.where(cost.weight > 0, bursts, torch.ones(()))
    return (
        product.rows * product.depth * cost.activation * bursts,
        product.depth * product.columns * cost.weight * bursts,
        product.rows * product.columns * cost.output * bursts,
    )


def in_waves(resources: Resources) -> Tensor:
    """Whether tiles run in waves, each fetched for itself, and not as a pipeline of blocks."""
    return (resources.hardware_scheduled > 0) | (resources.l2 <= 0)


def operands_per_mac(product: Product, resources: Resources) -> Tensor:
    r"""Least operand elements a core takes in for each MAC, over all tiles that fit L1 [1].

    Notes
    -----
    A tile of m x n outputs takes :math:`1/m + 1/n \ge 2/u`, :math:`u = \sqrt{mn}`, and fits only if
    :math:`4 s b u + a u^2 \le L_1` (since :math:`m + n \ge 2u`), with the streamed depth s, element
    bytes b and accumulator bytes a. Besides, m and n are at most M, N and
    :math:`L_1 / (2 s b)`. Where not even the smallest tile fits, that tile is used.
    """
    r = resources
    stream = 2.0 * depth_step(r) * r.element_bytes
    a = r.accumulator_bytes
    side = (torch.sqrt(stream * stream + a * _room(product, r)) - stream) / a
    longest = _longest_side(product, r)
    tall, broad = torch.minimum(product.rows, longest), torch.minimum(product.columns, longest)
    return torch.maximum(2.0 / side, 1.0 / tall + 1.0 / broad)


def slots_per_mac(resources: Resources, rows: Tensor) -> Tensor:
    """Least MAC slots that arrays clock for each MAC, with tiles of at most so many rows [1].

    Notes
    -----
    With weights in the array a fold of R q x C weights takes, for m rows,
    g(m) = h max(m, R) + (1 - h) (m + fill) cycles, see `tile_cycles`: g(m) / m slots for each MAC
    or more, falling in m. Other arrays: one.
    """
    r = resources
    fill = 2.0 * r.rows + r.columns - 2.0
    fold = r.hidden_fill * torch.maximum(rows, r.rows) + (1.0 - r.hidden_fill) * (rows + fill)
    systolic = (r.weight_stationary > 0) & (r.instruction_depth <= 0)
    return torch.where(systolic, fold / rows.clamp_min(1.0), torch.ones(()).double())


def _room(product: Product, resources: Resources) -> Tensor:
    """L1, or what one tile of the array's own size takes where not even that fits [byte]."""
    r = resources
    one = torch.ones_like(product.rows)
    return torch.maximum(r.l1, l1_need(product, r, one * r.rows, one * r.columns))


def _longest_side(product: Product, resources: Resources) -> Tensor:
    """Rows or columns that no tile that fits L1 exceeds [count]."""
    r = resources
    return _room(product, r) / (2.0 * depth_step(r) * r.element_bytes)


def gemm_counts(product: Product, resources: Resources, on_chip: bool = True) -> Counts:
    """Least bytes at every level over all mappings of a GEMM that fit the best corner.

    Notes
    -----
    A reads each of its elements once for every tile across, B for every tile down; tiles across are
    at least N over the widest tile that fits L1. Between cores and shared SRAM the sum of A and B
    is also at least the MACs times `operands_per_mac`; only the sum enters an energy, so what is
    missing to it is counted with A. With multicast cores may share every read: what is left is
    each element once.
    """
    r = resources
    width = r.element_bytes
    memory = gemm_bytes(product, r, on_chip)
    size_a = product.rows * product.depth * width
    size_b = product.depth * product.columns * width
    outputs = product.rows * product.columns
    longest = _longest_side(product, r)
    across = torch.ceil(product.columns / torch.minimum(product.columns, longest))
    down = torch.ceil(product.rows / torch.minimum(product.rows, longest))
    a, b = size_a * across, size_b * down
    fed = product.rows * product.columns * product.depth * width * operands_per_mac(product, r)
    a = a + (fed - a - b).clamp_min(0.0)
    # Cores that share a read may all want the same: what is left is every element once.
    shared = r.multicast > 0
    a, b = torch.where(shared, size_a, a), torch.where(shared, size_b, b)
    written = outputs * torch.minimum(width, 2.0 * r.accumulator_bytes)
    stationary = r.weight_stationary
    folds_deep = torch.ceil(product.depth / (r.rows * r.rate.clamp_min(1e-12)))
    reads_b = stationary * down + (1.0 - stationary) * torch.maximum(down, product.rows / r.rows)
    return Counts(
        memory_bytes=memory,
        l2_bytes=(a + memory[0], b + memory[1], written + memory[2]),
        l1_bytes=(
            size_a * (across + torch.maximum(across, product.columns / r.columns)),
            size_b * (down + reads_b),
            outputs * r.accumulator_bytes * (stationary * 2.0 * folds_deep + (1.0 - stationary)),
        ),
        vector_operations=torch.zeros_like(outputs),  # a depth that is not cut
        slot_cycles=outputs
        * product.depth
        * slots_per_mac(r, torch.minimum(product.rows, longest)),
    )


def attention_counts(shape: AttentionShape, resources: Resources, on_chip: bool = True) -> Counts:
    """Least bytes and operations of fused attention over every schedule at the best corner.

    Notes
    -----
    Keys and values come from memory once at least: the tokens that any query of a group sees. A
    block of R query rows takes in at least its visible scores over R tokens, so all blocks together
    take in the visible scores over the tallest block. Whole tiles are computed, so scores are at
    least the visible ones.
    """
    r = resources
    width, accumulate = r.element_bytes, r.accumulator_bytes
    words = shape.token_words
    seen = torch.minimum(shape.columns, shape.queries + shape.window - 1.0)
    seen = torch.where(shape.window > 0, seen, shape.columns)
    taken = torch.maximum(seen, shape.pairs / float(max(QUERY_ROWS)))
    cache = shape.groups * seen * words * width
    delivered = shape.groups * taken * words * width
    queries = shape.groups * shape.rows * shape.depth * width
    outputs = shape.groups * shape.rows * shape.value_depth * width
    scores = shape.groups * shape.pairs
    room = TILE_SHARE * r.l2
    keep = [spill(size, room) if on_chip else torch.ones_like(size) for size in (queries, outputs)]
    gate = r.has_memory
    memory = (keep[0] * queries * gate, cache * gate, keep[1] * outputs * gate)
    return Counts(
        memory_bytes=memory,
        l2_bytes=(queries + memory[0], delivered + memory[1], outputs + memory[2]),
        l1_bytes=(
            2.0 * queries + 2.0 * scores * width,
            2.0 * delivered,
            2.0 * scores * accumulate + outputs,
        ),
        vector_operations=scores * (SOFTMAX_OPERATIONS + r.exponential_cost),
        slot_cycles=scores
        * (shape.depth + shape.value_depth)
        * slots_per_mac(r, shape.rows.clamp_max(float(max(QUERY_ROWS)))),
    )
