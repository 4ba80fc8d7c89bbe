"""Fused attention: scores never leave the core.

A unit of work is one block of query rows of one (sequence, KV head) pair; where there are fewer
units than cores the context is split and partial outputs are combined.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.arrays import tile_cycles
from costmodel.timing.mapper import TILE_SHARE, spill
from costmodel.timing.resources import Resources
from costmodel.workload.operators import QUERY_TILE

SHORTEST_SPLIT = 512.0
"""A context is not split into pieces shorter than this [token]."""


@dataclass(frozen=True)
class AttentionShape:
    """Fused attention operators, leaves ``[*batch,P,A]``; see `Operators` for the words."""

    groups: Tensor
    rows: Tensor
    columns: Tensor
    depth: Tensor
    scored: Tensor
    operations: Tensor
    exponentials: Tensor


@dataclass(frozen=True)
class AttentionWork:
    """Times and bytes of fused attention, ``[*batch,P,A]``."""

    array_time: Tensor
    array_cycles: Tensor
    vector_operations: Tensor
    vector_time: Tensor
    port_time: Tensor
    memory_time: Tensor
    memory_bytes: tuple[Tensor, Tensor, Tensor]  # queries, keys and values, outputs [byte]
    l2_bytes: tuple[Tensor, Tensor, Tensor]
    l1_bytes: tuple[Tensor, Tensor, Tensor]


def attention_work(
    shape: AttentionShape, resources: Resources, relax: float = 0.0, on_chip: bool = True
) -> AttentionWork:
    """Map fused attention.

    Parameters
    ----------
    shape : AttentionShape
        Leaves ``[*batch,P,A]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    relax : float
        0 for exact counts.
    on_chip : bool
        Queries and outputs stay in the shared SRAM where they fit.

    Notes
    -----
    Queries and outputs move once. Keys and values move once when those of all running groups fit
    in the shared SRAM, otherwise once for each round of query blocks.

    References
    ----------
    Dao, FlashAttention-2, arXiv:2307.08691: the schedule whose traffic is counted.
    """
    r = resources
    width = r.element_bytes
    block = torch.clamp(shape.rows, max=float(QUERY_TILE))
    blocks = torch.ceil(shape.rows / block)
    units = shape.groups * blocks
    most = torch.floor(shape.columns / SHORTEST_SPLIT).clamp_min(1.0)
    idle = torch.floor(r.cores.detach() / units).clamp_min(1.0)
    pieces = torch.minimum(idle, most)
    waves = relaxed.ceil_divide(units * pieces, r.cores, relax)
    context = shape.scored / pieces
    cycles = waves * (
        tile_cycles(r, block, context, shape.depth, relax)
        + tile_cycles(r, block, shape.depth, context, relax)
    )
    combine = torch.where(pieces > 1.0, pieces, torch.zeros_like(pieces))
    combined = combine * shape.groups * shape.rows * shape.depth
    operations = shape.operations + shape.exponentials * r.exponential_cost + combined
    lanes_per_core = r.lanes / r.cores
    vector_time = (
        waves * (operations / (units * pieces)) / (lanes_per_core * r.clock * r.vector_efficiency)
    )
    query_bytes = shape.groups * shape.rows * shape.depth * width
    cache = shape.groups * shape.columns * 2.0 * shape.depth * width
    delivered = cache * blocks
    ports = waves * width * shape.depth * (2.0 * block + 2.0 * shape.columns / pieces)
    running = torch.minimum(shape.groups, r.cores)
    held = (cache / shape.groups * running <= TILE_SHARE * r.l2).double().detach()
    rounds = relaxed.ceil_divide(blocks, (r.cores / shape.groups).clamp_min(1.0), relax)
    times = held + (1.0 - held) * rounds
    missing = spill(query_bytes, TILE_SHARE * r.l2) if on_chip else torch.ones_like(query_bytes)
    gate = r.has_memory
    reads = (missing * query_bytes * gate, cache * times * gate, missing * query_bytes * gate)
    total = torch.stack(reads, -1).sum(-1)
    score_tiles = shape.groups * shape.rows * shape.scored
    return AttentionWork(
        array_time=cycles / (r.clock * r.attention_efficiency),
        array_cycles=cycles,
        vector_operations=operations,
        vector_time=vector_time,
        port_time=ports / (r.port_width * r.clock),
        memory_time=total / r.memory_bandwidth,
        memory_bytes=reads,
        l2_bytes=(
            query_bytes + reads[0],
            delivered + reads[1],
            query_bytes + reads[2] + 2.0 * combined * r.accumulator_bytes,
        ),
        l1_bytes=(
            2.0 * query_bytes + 2.0 * score_tiles * width,
            2.0 * delivered,
            score_tiles * r.accumulator_bytes * 2.0 + query_bytes,
        ),
    )
