"""Elementwise, reduction and look-up operators: vector lanes, exponentials, bytes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.resources import TILE_SHARE, Resources, spill


@dataclass(frozen=True)
class VectorWork:
    """Times and bytes of vector operators, ``[*batch,P,V]``."""

    vector_operations: Tensor
    vector_time: Tensor  # vector lanes and exponentials, overlapped [s]
    exponential_time: Tensor  # the exponentials alone [s]
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

    Notes
    -----
    Where exponentials have a unit of their own (`exponential_unit`) they run beside the other
    operations, otherwise after them. Monotone: every time falls with lanes, clock, port and
    bandwidth, and with a larger shared SRAM.
    """
    r = resources
    second = 1.0 / (r.lanes * r.clock * r.vector_efficiency)
    costs = exponentials * r.exponential_cost
    lanes = (operations + (1.0 - r.exponential_unit) * costs) * second
    apart = r.exponential_unit * costs * second
    moved = read + written + cached
    room = TILE_SHARE * r.l2
    missing = spill(torch.maximum(read, written), room) if on_chip else torch.ones_like(moved)
    gate = r.has_memory
    memory = (missing * read * gate, cached * gate, missing * written * gate)
    memory = torch.broadcast_tensors(*memory)
    slower = 1.0 + r.write_turnaround
    slow = torch.stack(torch.broadcast_tensors(lanes, apart), -1)
    return VectorWork(
        vector_operations=operations + costs,
        vector_time=relaxed.overlap(slow, r.overlap),
        exponential_time=apart,
        port_time=moved / (r.cores * r.port_width * r.clock),
        memory_time=(memory[0] + (memory[1] + memory[2]) * slower) / r.memory_bandwidth,
        memory_bytes=(memory[0], memory[1], memory[2]),
        l2_bytes=moved + torch.stack(memory, -1).sum(-1),
        l1_bytes=2.0 * moved,
    )
