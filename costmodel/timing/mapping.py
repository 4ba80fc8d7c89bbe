"""Words for a GEMM and for how it is mapped: what the mapper chooses and everything else reads.

A mapping has two levels. The shared SRAM holds one *block* at a time (`block_rows` x
`block_columns` of the output, `block_depth` of the depth); blocks follow one another in a loop
`order`. Inside a block the cores work on *tiles* (`rows` x `columns`), dealt to them in turn; the
depth of a block may be cut into `pieces` that different cores add up.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

ORDERS = ("mnk", "nmk", "mkn", "kmn", "nkm", "knm")
"""Loops over blocks, outermost first: m rows, n columns, k depth."""

HOLD_ACTIVATION, HOLD_WEIGHT, HOLD_OUTPUT = 1, 2, 4
"""Bits of `Mapping.hold`: the operand stays in the shared SRAM while its reuse loop repeats."""


@dataclass(frozen=True)
class Product:
    """[rows, depth] x [depth, columns] products, ``[*batch,P,G]`` [count]."""

    rows: Tensor  # M
    columns: Tensor  # N
    depth: Tensor  # K


@dataclass(frozen=True)
class Mapping:
    """One mapping for each product, float64 whole numbers ``[*batch,P,G]`` [count]."""

    rows: Tensor  # of a core tile, m1
    columns: Tensor  # of a core tile, n1
    pieces: Tensor  # the depth of a block is cut into, each for another core
    block_rows: Tensor  # m2
    block_columns: Tensor  # n2
    block_depth: Tensor  # k2
    order: Tensor  # index into ORDERS
    hold: Tensor  # sum of HOLD bits
