"""What a GEMM costs under a mapping."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Work:
    """Times and bytes of GEMMs, ``[*batch,P,G]``."""

    busy: Tensor  # from the first byte to the last, launch aside [s]
    array_time: Tensor  # [s]
    array_cycles: Tensor  # of the slowest core [cycle]
    vector_operations: Tensor  # partial sums of a split depth [op]
    vector_time: Tensor  # [s]
    port_time: Tensor  # [s]
    memory_time: Tensor  # [s]
    memory_bytes: tuple[Tensor, Tensor, Tensor]  # activation, weight, output [byte]
    l2_bytes: tuple[Tensor, Tensor, Tensor]
    l1_bytes: tuple[Tensor, Tensor, Tensor]
    l1_need: Tensor  # of a tile and its streams [byte]
    l2_need: Tensor  # of a block [byte]
