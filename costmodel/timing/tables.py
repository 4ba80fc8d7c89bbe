"""The lattice of candidate mappings, built once and passed in.

A GEMM mapping is a tile of a core (`rows` x `columns` of the output, the depth streamed), whether
the depth is split over idle cores, how many tile rows run side by side, and which operand panel
stays in the shared SRAM. See `costmodel.timing.mapper` for why the last two are chosen first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

LATTICE_VERSION = 1

TILE_ROWS = (16, 32, 64, 128, 256, 512)
TILE_COLUMNS = (64, 128, 256, 512, 1024)
BLOCK_EXPONENTS = (0, 1, 2, 3, 4, 5, 6)
STREAM, HOLD_ACTIVATION, HOLD_WEIGHT = 0, 1, 2


@dataclass(frozen=True, repr=False)
class Tables:
    """Candidates: T tiles, U blocks and the three panels that may be held."""

    tile_rows: Tensor  # [T]
    tile_columns: Tensor  # [T]
    fill_cores: Tensor  # [T] 1 = split the depth over cores that would idle
    block_rows: Tensor  # [U] tile rows that run side by side
    version: int = LATTICE_VERSION

    @property
    def mappings(self) -> int:
        """Mappings weighed for one GEMM."""
        return int(3 * self.tile_rows.numel() * self.block_rows.numel())

    def __repr__(self) -> str:
        sizes = f"{self.tile_rows.numel()} tiles, {self.block_rows.numel()} blocks"
        return f"Tables(version {self.version}: {sizes}, {self.mappings:,} mappings of a GEMM)"


def build_tables(
    tile_rows: tuple[int, ...] = TILE_ROWS, tile_columns: tuple[int, ...] = TILE_COLUMNS
) -> Tables:
    """The lattice; smallest tile first, so that a design where nothing fits falls back to it.

    >>> build_tables((64, 128), (256,))  # 2 x 1 tiles, each with the depth split or not
    Tables(version 1: 4 tiles, 7 blocks, 84 mappings of a GEMM)
    """
    tiles = list(product(tile_rows, tile_columns, (0, 1)))
    tile = torch.tensor(tiles, dtype=torch.float64)
    return Tables(
        tile_rows=tile[:, 0].contiguous(),
        tile_columns=tile[:, 1].contiguous(),
        fill_cores=tile[:, 2].contiguous(),
        block_rows=torch.tensor([2.0**e for e in BLOCK_EXPONENTS], dtype=torch.float64),
    )
