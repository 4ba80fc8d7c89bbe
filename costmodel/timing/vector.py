"""Elementwise, reduction and look-up operators on the vector lanes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.timing.mapper import TILE_SHARE, spill
from costmodel.timing.resources import Resources


@dataclass(frozen=True)
class VectorWork:
    """Times and bytes of vector operators, ``[*batch,P,V]``."""

    vector_operations: Tensor
    vector_time: Tensor
    port_time: Tensor
    memory_time: Tensor
    memory_bytes: tuple[Tensor, Tensor, Tensor]  # activations, new keys and values, outputs
    l2_bytes: Tensor
    l1_bytes: Tensor


def vector_work(
    operations: Tensor,
    exponentials: Tensor,
    read: Tensor,
    written: Tensor,
    cached: Tensor,
    resources: Resources,
    on_chip: bool = True,
) -> VectorWork:
    """Map vector operators: lanes against bytes.

    Parameters
    ----------
    operations, exponentials : Tensor [*batch,P,V]
        Work of one execution [op].
    read, written, cached : Tensor [*batch,P,V]
        Bytes in, out, and appended to the KV cache [byte].
    resources : Resources
        Leaves ``[*batch,1,1]``.
    on_chip : bool
        Activations stay in the shared SRAM where they fit.
    """
    r = resources
    total_operations = operations + exponentials * r.exponential_cost
    moved = read + written + cached
    room = TILE_SHARE * r.l2
    missing = spill(torch.maximum(read, written), room) if on_chip else torch.ones_like(moved)
    gate = r.has_memory
    memory = (missing * read * gate, cached * gate, missing * written * gate)
    total = torch.stack(torch.broadcast_tensors(*memory), -1).sum(-1)
    return VectorWork(
        vector_operations=total_operations,
        vector_time=total_operations / (r.lanes * r.clock * r.vector_efficiency),
        port_time=moved / (r.cores * r.port_width * r.clock),
        memory_time=total / r.memory_bandwidth,
        memory_bytes=memory,
        l2_bytes=moved + total,
        l1_bytes=2.0 * moved,
    )
