"""All blocks, loop orders and held operands of one GEMM, as mappings of our model.

The blocks are those of `lattice`. `even` keeps those that divide the dimension, for tools whose
loops do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from costmodel.timing.mapping import (
    HOLD_ACTIVATION,
    HOLD_OUTPUT,
    HOLD_WEIGHT,
    ORDERS,
    Mapping,
    Product,
)
from costmodel.timing.traffic import Traffic, traffic
from experiments.benchmarks.mapping.lattice import LEAST_ROWS, ROW_STEP, TRIPS, cut
from experiments.benchmarks.mapping.machine import Gemm

OPERANDS = {"a": ("mk", HOLD_ACTIVATION), "b": ("kn", HOLD_WEIGHT), "c": ("mn", HOLD_OUTPUT)}
"""Relevant loops of each operand and its bit in `Mapping.hold`."""
REUSE = {"a": "n", "b": "m", "c": "k"}
"""The loop that each operand has nothing to do with."""


@dataclass(frozen=True)
class Candidates:
    """C mappings of one GEMM; leaves ``[C]``."""

    product: Product
    mapping: Mapping
    words: Traffic  # between memory and SRAM [count]
    trips: dict[str, Tensor]  # blocks along m, n and k [count]
    block: dict[str, Tensor]  # sizes along m, n and k [count]

    def __len__(self) -> int:
        return int(self.mapping.order.numel())

    def tile(self, operand: str) -> Tensor:
        """Elements of an operand's block ``[C]``."""
        relevant = OPERANDS[operand][0]
        return self.block[relevant[0]] * self.block[relevant[1]]

    def stored(self, operand: str) -> Tensor:
        """Elements that stay in the SRAM: the block, or the panel of a held operand ``[C]``."""
        relevant, bit = OPERANDS[operand]
        held = torch.floor(self.mapping.hold / bit) % 2.0 > 0.0
        size = self.tile(operand)
        for dim in relevant:
            inside = torch.tensor(
                [order.index(dim) > order.index(REUSE[operand]) for order in ORDERS]
            )[self.mapping.order.long()]
            whole = self.trips[dim] * self.block[dim]
            size = torch.where(held & inside, size / self.block[dim] * whole, size)
        return size

    @property
    def moved(self) -> Tensor:
        """Words between memory and SRAM, sums that return included ``[C]``."""
        words = self.words
        return words.a + words.b + words.partial_read + words.partial_write + words.output

    def pick(self, index: Tensor) -> Candidates:
        """Some of the candidates, in the order of `index`."""

        def taken(value: Tensor) -> Tensor:
            return value[index]

        return Candidates(
            product=Product(*(taken(getattr(self.product, f.name)) for f in fields(Product))),
            mapping=Mapping(*(taken(getattr(self.mapping, f.name)) for f in fields(Mapping))),
            words=Traffic(*(taken(getattr(self.words, f.name)) for f in fields(Traffic))),
            trips={dim: taken(value) for dim, value in self.trips.items()},
            block={dim: taken(value) for dim, value in self.block.items()},
        )

    def words_of(self, number: int) -> dict[str, object]:
        """One candidate in plain words, as the peers' scripts read it."""
        hold = int(self.mapping.hold[number])
        return {
            "order": ORDERS[int(self.mapping.order[number])],
            "block": [int(self.block[dim][number]) for dim in "mnk"],
            "hold": "".join(name for name, (_, bit) in OPERANDS.items() if hold & bit),
        }


def candidates(
    gemm: Gemm, edges: tuple[int, int], even: bool = False, holds: bool = True
) -> Candidates:
    """Every block, loop order and set of held operands.

    Parameters
    ----------
    gemm : Gemm
    edges : tuple of int
        Rows and columns of the array [count].
    even : bool
        Only blocks that divide the dimension.
    holds : bool
        Whether operands may stay in the SRAM while their reuse loop repeats.
    """
    sizes = {"m": gemm.rows, "n": gemm.columns, "k": gemm.depth}
    steps = {"m": (ROW_STEP, LEAST_ROWS), "n": (edges[1], 1.0), "k": (edges[0], 1.0)}
    axes = [
        torch.tensor(
            [
                size
                for size in cut(float(sizes[dim]), TRIPS, float(step), least).tolist()
                if not even or sizes[dim] % size == 0
            ],
            dtype=torch.float64,
        )
        for dim, (step, least) in steps.items()
    ]
    bits = range(8) if holds else range(1)
    axes += [torch.arange(float(len(ORDERS))).double(), torch.tensor(list(bits)).double()]
    m, n, k, order, hold = torch.cartesian_prod(*axes).unbind(-1)
    one = torch.ones_like(m)
    product = Product(*(one * sizes[dim] for dim in "mnk"))
    mapping = Mapping(
        rows=m, columns=n, pieces=one, block_rows=m, block_columns=n, block_depth=k,
        order=order, hold=hold,
    )  # fmt: skip
    block = {"m": m, "n": n, "k": k}
    return Candidates(
        product=product,
        mapping=mapping,
        words=traffic(product, mapping),
        trips={dim: torch.ceil(sizes[dim] / block[dim]) for dim in "mnk"},
        block=block,
    )


def given(gemm: Gemm, order: str, block: list[int], hold: str = "") -> Candidates:
    """One mapping as candidates of length one."""
    sizes = (gemm.rows, gemm.columns, gemm.depth)
    bits = sum(OPERANDS[name][1] for name in hold)
    values = [float(min(size, part)) for size, part in zip(sizes, block, strict=True)]
    m, n, k = (torch.tensor([value], dtype=torch.float64) for value in values)
    one, tile = torch.ones_like(m), {"m": m, "n": n, "k": k}
    product = Product(*(one * size for size in sizes))
    mapping = Mapping(m, n, one, m, n, k, one * ORDERS.index(order), one * bits)
    return Candidates(
        product=product,
        mapping=mapping,
        words=traffic(product, mapping),
        trips={dim: torch.ceil(size / tile[dim]) for dim, size in zip("mnk", sizes, strict=True)},
        block=tile,
    )
