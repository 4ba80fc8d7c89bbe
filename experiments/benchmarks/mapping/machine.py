"""The machine that every peer can describe: one array, one SRAM, one memory.

A 128 x 128 array whose weights stay, fed by one shared SRAM whose own bandwidth never binds, behind
one memory. Nothing else is there, so that what differs between tools is what they assume.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

KIB, MIB, GIGA = 1024.0, 2.0**20, 1e9


@dataclass(frozen=True)
class Machine:
    """One array behind one SRAM and one memory."""

    rows: int = 128  # of the array, along the depth
    columns: int = 128
    clock: float = GIGA  # [Hz]
    sram: float = 32 * MIB  # [byte]
    bandwidth: float = 256 * GIGA  # of the memory [byte/s]
    element: int = 2  # operands and results [byte]
    accumulator: int = 4  # partial sums, where a tool tells them apart [byte]

    @property
    def bytes_per_cycle(self) -> float:
        """Of the memory [byte/cycle]."""
        return self.bandwidth / self.clock

    def __str__(self) -> str:
        size = f"{self.sram / MIB:g} MiB, {self.bandwidth / GIGA:g} GB/s"
        return f"{self.rows} x {self.columns} at {self.clock / GIGA:g} GHz, {size}"


@dataclass(frozen=True)
class Gemm:
    """[rows, depth] x [depth, columns]."""

    rows: int
    depth: int
    columns: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates [MAC]."""
        return self.rows * self.depth * self.columns

    def __str__(self) -> str:
        return f"{self.rows} x {self.depth} x {self.columns}"


GEMM = Gemm(2048, 8192, 8192)
MATCHED = Machine()
BALANCED = replace(MATCHED, bandwidth=32 * GIGA)
CORNERS = (
    MATCHED,
    BALANCED,
    replace(MATCHED, bandwidth=16 * GIGA),
    replace(MATCHED, bandwidth=16 * GIGA, sram=8 * MIB),
)
"""Bound by the array; between array and memory; by the memory; by a small SRAM."""
