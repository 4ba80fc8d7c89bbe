"""Words that a GEMM moves between memory and the shared SRAM, exact with edge blocks.

An operand is *relevant* to two of the three loops (A to m and k) and *irrelevant* to the third
(A to n). It is fetched again for every pass of its irrelevant loop, unless it never changes inside
that loop (no relevant loop inside it runs more than once) or it is held. No round-off for edge
blocks appears: a pass fetches every element exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, minimum

from costmodel.numerics import relax as relaxed
from costmodel.timing.mapping import (
    HOLD_ACTIVATION,
    HOLD_OUTPUT,
    HOLD_WEIGHT,
    ORDERS,
    Mapping,
    Product,
)

DIMENSIONS = "mnk"
LOOPS = tuple(tuple(DIMENSIONS.index(letter) for letter in order) for order in ORDERS)
"""Dimension (0 m, 1 n, 2 k) at each position of each order, outermost first."""

POSITIONS = tuple(tuple(order.index(letter) for letter in DIMENSIONS) for order in ORDERS)
"""Position (0 outermost) of each dimension in each order."""


@dataclass(frozen=True)
class Traffic:
    """Words between memory and the shared SRAM, ``[*batch,P,G]`` [count]."""

    a: Tensor  # read of the activations
    b: Tensor  # read of the weights
    partial_read: Tensor  # sums that come back, accumulator width
    partial_write: Tensor  # sums that leave before the depth is done, accumulator width
    output: Tensor  # finished outputs, output width


@dataclass(frozen=True)
class Blocks:
    """Trip counts and block sizes, the three dimensions (m, n, k) first: ``[3,*batch,P,G]``.

    A loop of T trips has T - 1 blocks of size `full` and a last one of size `edge`.
    """

    trips: Tensor  # [count]
    full: Tensor  # [count]
    edge: Tensor  # [count]
    active: Tensor  # 1 when the loop runs more than once


def aligned(product: Product, mapping: Mapping, *others: Tensor) -> tuple[Product, Mapping]:
    """The same with leaves of one shape, that of `others` included."""
    dimensions, choices = list(vars(product).values()), list(vars(mapping).values())
    leaves = torch.broadcast_tensors(*dimensions, *choices, *others)
    return Product(*leaves[:3]), Mapping(*leaves[3 : 3 + len(choices)])


def blocks(product: Product, mapping: Mapping, relax: float = 0.0) -> Blocks:
    """Blocks of a mapping.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]`` [count].
    mapping : Mapping
        Leaves ``[*batch,P,G]``; no gradient is asked of them.
    relax : float
        0 for exact trip counts, else their ramp: the sizes of all blocks still add up to the
        dimension.
    """
    product, mapping = aligned(product, mapping)
    sizes = torch.stack([product.rows, product.columns, product.depth])
    steps = torch.stack([mapping.block_rows, mapping.block_columns, mapping.block_depth])
    trips = relaxed.ceil_divide(sizes, steps, relax).clamp_min(1.0)
    return Blocks(
        trips=trips,
        full=minimum(sizes, steps),
        edge=sizes - (trips - 1.0) * steps,
        active=torch.clamp(trips - 1.0, max=1.0),
    )


def held(mapping: Mapping) -> Tensor:
    """Whether an operand stays in the shared SRAM, by its irrelevant loop ``[3,*batch,P,G]``.

    The weights come first (m is irrelevant to them), then activations (n) and outputs (k).
    """
    bits = (HOLD_WEIGHT, HOLD_ACTIVATION, HOLD_OUTPUT)
    hold = mapping.hold
    return torch.stack([torch.floor(hold / bit) % 2.0 for bit in bits])


def changes_inside(active: Tensor, order: Tensor) -> Tensor:
    """For each loop: 1 when a loop inside it runs more than once ``[3,*batch,P,G]``.

    Parameters
    ----------
    active : Tensor [3,*batch,P,G]
        Loops m, n and k that run more than once.
    order : Tensor [*batch,P,G]
        Index into ORDERS.
    """
    positions = torch.tensor(POSITIONS, dtype=torch.float64, device=order.device)
    position = positions.T[:, order.long()]
    rows = []
    for dimension in range(3):
        inner = [
            active[other] * (position[other] > position[dimension])
            for other in range(3)
            if other != dimension
        ]
        rows.append(torch.maximum(*inner))
    return torch.stack(rows)


def traffic(product: Product, mapping: Mapping, relax: float = 0.0) -> Traffic:
    r"""Words that cross between memory and the shared SRAM.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]`` [count].
    mapping : Mapping
        Leaves ``[*batch,P,G]``.
    relax : float
        0 for exact trip counts.

    Returns
    -------
    Traffic
        Leaves ``[*batch,P,G]`` [count].

    Notes
    -----
    .. math:: X_A = M K \rho_A,\; X_B = K N \rho_B,\; X_{partial} = M N (\rho_C - 1)

    with :math:`\rho_t = T_{irr(t)}` where an operand is not held and a loop inside its irrelevant
    one runs more than once, else 1. A partial sum that leaves comes back once.

    Monotone: grows with every dimension and with the trip counts, falls with every hold.

    References
    ----------
    The relevance rule of Timeloop (Parashar et al., ISPASS 2019) and ZigZag (Mei et al., IEEE
    Transactions on Computers 2021), with the first read of a sum left out.

    Examples
    --------
    Two blocks along n, weights streamed inside: the activations of each block come twice.

    >>> one = torch.ones((), dtype=torch.float64)
    >>> product = Product(rows=64 * one, columns=64 * one, depth=64 * one)
    >>> mapping = Mapping(
    ...     rows=32 * one, columns=32 * one, pieces=one, block_rows=64 * one,
    ...     block_columns=32 * one, block_depth=32 * one, order=0 * one, hold=0 * one,
    ... )
    >>> words = traffic(product, mapping)
    >>> [int(x) for x in (words.a, words.b, words.partial_read, words.output)]
    [8192, 4096, 0, 4096]
    """
    product, mapping = aligned(product, mapping)
    loops = blocks(product, mapping, relax)
    again = (loops.trips - 1.0) * changes_inside(loops.active, mapping.order)
    weight, activation, output = (again * (1.0 - held(mapping))).unbind(0)
    m, n, k = product.rows, product.columns, product.depth
    return Traffic(
        a=m * k * (1.0 + activation),
        b=k * n * (1.0 + weight),
        partial_read=m * n * output,
        partial_write=m * n * output,
        output=m * n,
    )
