"""Time of one block of a GEMM on the cores of a package: waves of tiles, arrays against ports.

A block of m x n outputs and depth k is cut into tiles of m1 x n1 outputs; `pieces` cores share the
depth of a tile. Tiles are dealt to the cores in turn, so a block takes
ceil(tiles / cores) waves. In a wave every core multiplies one tile while its port brings the
operands of the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing import traffic
from costmodel.timing.arrays import tile_cycles
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import Resources

DEPTH_INNERMOST = 2.0
"""Orders below this one run the depth innermost: `mnk` and `nmk`."""


@dataclass(frozen=True)
class BlockClasses:
    """Sizes of the blocks of a GEMM; index of the last dimension: 4 edge_m + 2 edge_n + edge_k."""

    trips: tuple[Tensor, Tensor, Tensor]  # blocks along m, n, k [*batch,P,G]
    sizes: tuple[Tensor, Tensor, Tensor]  # m, n, k of a block [*batch,P,G,8]
    count: Tensor  # blocks of this size [*batch,P,G,8]
    resident: Tensor  # 1 = partial sums stay in the cores while the depth runs [*batch,P,G]


@dataclass(frozen=True)
class CoreTime:
    """Times of a block of each size ``[*batch,P,G,8]`` [s]."""

    array: Tensor
    array_cycles: Tensor  # [cycle]
    port: Tensor
    vector: Tensor
    vector_operations: Tensor  # of all cores [op]
    total: Tensor  # the three, imperfectly overlapped


def block_classes(product: Product, resources: Resources, mapping: Mapping) -> BlockClasses:
    """Cut products into blocks, the last of each dimension smaller where it must be."""
    loops = traffic.blocks(product, mapping)
    trips, full, edge = loops.trips.unbind(0), loops.full.unbind(0), loops.edge.unbind(0)
    tiles = (
        torch.ceil(mapping.block_rows / mapping.rows)
        * torch.ceil(mapping.block_columns / mapping.columns)
        * mapping.pieces
    )
    stays = (mapping.order < DEPTH_INNERMOST) & (tiles <= resources.cores)
    shape = torch.broadcast_shapes(stays.shape, trips[0].shape)

    def by_class(middle: Tensor, last: Tensor, bit: int) -> Tensor:
        return torch.stack(
            [(last if index & bit else middle).expand(shape) for index in range(8)], -1
        )

    one = torch.ones_like(trips[0])
    often = [by_class(trips[d] - 1.0, one, 4 >> d) for d in range(3)]
    return BlockClasses(
        trips=(trips[0], trips[1], trips[2]),
        sizes=(
            by_class(full[0], edge[0], 4),
            by_class(full[1], edge[1], 2),
            by_class(full[2], edge[2], 1),
        ),
        count=often[0] * often[1] * often[2],
        resident=stays.double(),
    )


def core_time(
    resources: Resources, mapping: Mapping, cut: BlockClasses, relax: float = 0.0
) -> CoreTime:
    r"""Time of a block of each size.

    Parameters
    ----------
    resources : Resources
        Leaves ``[*batch,1,1]``.
    mapping : Mapping
        Leaves ``[*batch,P,G]``.
    cut : BlockClasses
        From `block_classes`.
    relax : float
        0 for whole waves and folds.

    Notes
    -----
    With :math:`W = \lceil \lceil m/m_1 \rceil \lceil n/n_1 \rceil p / P \rceil` waves,
    array time is W times the cycles of one tile, port time W times the bytes of its operands and
    of what it writes. Partial sums that stay in the cores leave once, at the end of the depth;
    otherwise each pass over the depth reads and writes them at the accumulator's width.
    """
    wide = Resources(**{key: value.unsqueeze(-1) for key, value in vars(resources).items()})
    r = wide
    rows, columns, pieces = (
        item.unsqueeze(-1) for item in (mapping.rows, mapping.columns, mapping.pieces)
    )
    m, n, k = cut.sizes
    tall, broad = torch.minimum(rows, m), torch.minimum(columns, n)
    depth = relaxed.ceil_divide(k, pieces, relax)
    tiles = torch.ceil(m / rows) * torch.ceil(n / columns) * pieces
    waves = relaxed.ceil_divide(tiles, r.cores, relax)
    cycles = waves * tile_cycles(r, tall, broad, depth, relax)

    passes = cut.trips[2].unsqueeze(-1)
    stays = cut.resident.unsqueeze(-1)
    once = torch.maximum(stays, (passes == 1.0).double())
    split = (pieces > 1.0).double()
    output = split * r.accumulator_bytes + (1.0 - split) * r.element_bytes
    per_output = once * output / passes + (1.0 - once) * 2.0 * r.accumulator_bytes
    moved = waves * ((tall + broad) * depth * r.element_bytes + tall * broad * per_output)
    operations = split * pieces * m * n / torch.where(stays > 0, passes, torch.ones_like(passes))

    array = cycles / (r.clock * r.array_efficiency)
    port = moved / (r.port_width * r.clock)
    vector = operations / (r.lanes * r.clock * r.vector_efficiency)
    parts = torch.stack(torch.broadcast_tensors(array, port, vector), -1)
    return CoreTime(
        array=array,
        array_cycles=cycles,
        port=port,
        vector=vector,
        vector_operations=operations,
        total=relaxed.overlap(parts, r.overlap),
    )
