"""Words into the buffer of one core when tiles follow one another inside every block.

Two nests of loops lie inside each other: blocks through the shared SRAM, and in every block tiles
through a core's own buffer. An edge block may hold fewer tiles, even a single one that then stays
where it is, so words are counted by kinds of block: eight, by which dimensions are edges.

An operand that is not kept in the shared SRAM (bypass) comes from memory as often as a tile asks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics.relax import ceil_divide
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.traffic import Traffic, aligned, blocks, changes_inside, traffic


@dataclass(frozen=True)
class Inner:
    """Loops over tiles inside a block, leaves ``[*batch,P,G]``."""

    rows: Tensor  # of a tile [count]
    columns: Tensor
    depth: Tensor
    order: Tensor  # index into ORDERS


def nested_trips(extent: Tensor, block: Tensor, tile: Tensor) -> Tensor:
    r"""Tiles along a dimension that is cut into blocks first, then each block into tiles.

    Notes
    -----
    :math:`(T - 1) \lceil d_2/d_1 \rceil + \lceil e/d_1 \rceil` with T blocks of d2 and a last one
    of e, which may exceed :math:`\lceil D/d_1 \rceil`.

    >>> ten, four, three = torch.tensor([10.0, 4.0, 3.0], dtype=torch.float64)
    >>> int(nested_trips(ten, four, three))  # 4 = 3 + 1, twice, and 2
    5
    """
    trips = ceil_divide(extent, block)
    last = extent - (trips - 1.0) * block
    whole = ceil_divide(torch.minimum(block, extent), tile)
    return (trips - 1.0) * whole + ceil_divide(last, tile)


def nested_traffic(product: Product, mapping: Mapping, inner: Inner) -> Traffic:
    r"""Words between the shared SRAM and the buffer of the core that works on all tiles.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]`` [count].
    mapping : Mapping
        Its blocks and their order; what is held concerns memory only.
    inner : Inner
        Tiles of a block and their order.

    Returns
    -------
    Traffic
        Leaves ``[*batch,P,G]`` [count].

    Notes
    -----
    Each visit of a block moves its part of an operand :math:`\rho` times, as in `traffic` with the
    tiles of that block. A visit moves nothing when the operand's part of the block is the one
    before and is a single tile.

    References
    ----------
    The relevance rule of Timeloop (Parashar et al., ISPASS 2019) over both nests together.
    """
    product, mapping = aligned(product, mapping, *vars(inner).values())
    outer = blocks(product, mapping)
    tile = torch.stack(
        torch.broadcast_tensors(inner.rows, inner.columns, inner.depth, mapping.order)[:3]
    )
    order = inner.order.expand(mapping.order.shape)
    stays = 1.0 - changes_inside(outer.active, mapping.order)  # by irrelevant loop: m, n, k
    total = torch.zeros_like(outer.trips)
    for index in range(8):
        edge = [bool(index & bit) for bit in (4, 2, 1)]
        extent = torch.stack(
            [(outer.edge if last else outer.full)[d] for d, last in enumerate(edge)]
        )
        count = torch.ones_like(outer.trips)
        for d, last in enumerate(edge):
            if not last:
                count = count * (outer.trips[d] - 1.0)
        trips = ceil_divide(extent, tile)
        active = torch.clamp(trips - 1.0, max=1.0)
        times = 1.0 + (trips - 1.0) * changes_inside(active, order)
        rows = []
        for d in range(3):
            first, second = (other for other in range(3) if other != d)
            single = (1.0 - active[first]) * (1.0 - active[second])
            # Of consecutive visits to a single tile only one moves it: the last along the loop.
            visits = count[d] if edge[d] else count[d] * (1.0 - single * stays[d])
            rows.append(visits * times[d] * extent[first] * extent[second])
        total = total + torch.stack(rows)
    weight, activation, output = total.unbind(0)
    finished = product.rows * product.columns
    return Traffic(
        a=activation,
        b=weight,
        partial_read=output - finished,
        partial_write=output - finished,
        output=finished,
    )


def bypassed_traffic(
    product: Product, mapping: Mapping, inner: Inner, kept: tuple[bool, bool, bool]
) -> Traffic:
    """Words from and to memory when only some operands are kept in the shared SRAM.

    Parameters
    ----------
    product, mapping, inner
        As for `nested_traffic`.
    kept : tuple of bool
        Whether activations, weights and outputs are kept.
    """
    near, far = nested_traffic(product, mapping, inner), traffic(product, mapping)
    activation, weight, output = (far if keep else near for keep in kept)
    return Traffic(
        a=activation.a,
        b=weight.b,
        partial_read=output.partial_read,
        partial_write=output.partial_write,
        output=output.output,
    )
