"""The result of mapping operators onto a pool: times, bytes and operations.

Energy, bounds and reports read this record; nothing recomputes traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from costmodel.timing.products import Products

COMPONENTS = ("array", "vector", "l2", "memory", "network", "launch")
LEVELS = ("l1", "l2", "memory")
OPERANDS = ("activation", "weight", "cache", "output")


@dataclass(frozen=True)
class Mapped:
    """One pool's operators, mapped; every quantity is per package and per execution.

    Dimension letters: P points (request kind and phase), O operators, C components, L levels,
    T operands. ``count`` says how often an operator runs in one step of one pipeline stage.
    """

    operators: tuple[str, ...]
    kinds: tuple[str, ...]
    points: tuple[str, ...]
    phases: tuple[str, ...]
    count: Tensor  # [*batch,P,O] [count]
    latency: Tensor  # [*batch,P,O] [s]
    time: Tensor  # [*batch,P,O,C] busy time of each component [s]
    bytes: Tensor  # [*batch,P,O,L,T] read and written at the level [byte]
    macs: Tensor  # [*batch,P,O] [MAC]
    array_cycles: Tensor  # [*batch,P,O] cycles the slowest core's arrays are clocked [cycle]
    vector_operations: Tensor  # [*batch,P,O] [op]
    network_bytes: Tensor  # [*batch,P,O] sent by a package [byte]
    tile: dict[str, Tensor]  # [*batch,P,G] chosen mapping of each GEMM
    tile_fits: Tensor  # [*batch] largest need of the chosen mappings / SRAM there is [1]
    mappings: int  # candidate mappings weighed
    products: Products | None = None  # the GEMMs among the operators

    components: tuple[str, ...] = COMPONENTS
    levels: tuple[str, ...] = LEVELS
    operands: tuple[str, ...] = OPERANDS

    @property
    def step(self) -> Tensor:
        """Time of one step of one pipeline stage ``[*batch,P]`` [s]."""
        return (self.count * self.latency).sum(-1)
