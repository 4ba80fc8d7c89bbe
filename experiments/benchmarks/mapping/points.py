"""Hardware points: the matched machine with other clocks, SRAMs and memories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.benchmarks.mapping.machine import GIGA, MIB, Machine

POINTS = 4096
CLOCKS, SRAMS, BANDWIDTHS = (0.5, 1.5), (1.0, 128.0), (8.0, 1024.0)
"""Ranges, drawn in logarithms [GHz, MiB, GB/s]."""
SEED, WARM_SEED = 0, 1


@dataclass(frozen=True)
class Points:
    """Hardware points ``[B]``."""

    clock: Tensor  # [Hz]
    sram: Tensor  # [byte]
    bandwidth: Tensor  # of the memory [byte/s]

    def split(self, size: int) -> Iterator[Points]:
        """Chunks of at most `size` points."""
        parts = (self.clock.split(size), self.sram.split(size), self.bandwidth.split(size))
        return (Points(*some) for some in zip(*parts, strict=True))

    @property
    def bytes_per_cycle(self) -> Tensor:
        """Of the memory, with a last dimension for candidates ``[B,1]`` [byte/cycle]."""
        return (self.bandwidth / self.clock).unsqueeze(-1)

    @property
    def room(self) -> Tensor:
        """The SRAM, with a last dimension for candidates ``[B,1]`` [byte]."""
        return self.sram.unsqueeze(-1)


def scattered(count: int = POINTS, seed: int = SEED) -> Points:
    """Quasi-random points, no two alike."""
    unit = torch.quasirandom.SobolEngine(3, scramble=True, seed=seed).draw(
        count, dtype=torch.float64
    )

    def spread(column: int, ends: tuple[float, float], scale: float) -> Tensor:
        low, high = (torch.tensor(end, dtype=torch.float64).log() for end in ends)
        return scale * torch.exp(low + (high - low) * unit[:, column])

    return Points(spread(0, CLOCKS, GIGA), spread(1, SRAMS, MIB), spread(2, BANDWIDTHS, GIGA))


def one(machine: Machine) -> Points:
    """A machine as the only point."""
    values = (machine.clock, machine.sram, machine.bandwidth)
    return Points(*(torch.tensor([value], dtype=torch.float64) for value in values))
