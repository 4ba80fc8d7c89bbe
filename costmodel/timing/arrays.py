"""Cycles of a matrix array for one tile: folds, fill and drain."""

from __future__ import annotations

from torch import Tensor, maximum

from costmodel.numerics.relax import ceil_divide
from costmodel.timing.resources import Resources


def tile_cycles(
    resources: Resources, rows: Tensor, columns: Tensor, depth: Tensor, relax: float = 0.0
) -> Tensor:
    r"""Cycles for one core to multiply [rows, depth] x [depth, columns].

    Parameters
    ----------
    resources : Resources
        Arrays of R x C processing elements, q multiply-accumulates each and cycle.
    rows, columns, depth : Tensor, broadcastable with `resources`
        The tile; `depth` is the whole depth the core walks [count].
    relax : float
        0 for exact folds.

    Returns
    -------
    Tensor [*batch,P,O(,T)]
        Cycles, at least ``rows*columns*depth / (R*C*q*arrays)`` [cycle].

    Notes
    -----
    Weight stationary: folds of R q x C weights stay while rows stream through,
    :math:`\lceil k/Rq \rceil \lceil n/C \rceil` folds of :math:`m + 2R + C - 2` cycles (the
    closed form of SCALE-Sim, less its final cycle). With a second set of weight registers the
    next fold loads while rows stream, so a fold costs :math:`\max(m, R)` and fill and drain are
    paid once. Output stationary: :math:`\lceil m/R \rceil \lceil n/C \rceil` folds of
    :math:`k/q + R + C - 2`. ``hidden_fill`` blends the two ends; folds are dealt to the arrays.

    References
    ----------
    Samajdar et al., SCALE-Sim, arXiv:1811.02883, the analytical runtime model.
    """
    height, width, rate = resources.rows, resources.columns, resources.rate.clamp_min(1e-12)
    hidden, arrays = resources.hidden_fill, resources.arrays
    stationary = resources.weight_stationary
    across = ceil_divide(columns, width, relax)
    weight_folds = ceil_divide(ceil_divide(depth, height * rate, relax) * across, arrays, relax)
    weight_fill = 2.0 * height + width - 2.0
    weight = (
        weight_folds * (hidden * maximum(rows, height) + (1.0 - hidden) * (rows + weight_fill))
        + hidden * weight_fill
    )
    output_folds = ceil_divide(ceil_divide(rows, height, relax) * across, arrays, relax)
    output_fill = height + width - 2.0
    output = (
        output_folds * (ceil_divide(depth, rate, relax) + (1.0 - hidden) * output_fill)
        + hidden * output_fill
    )
    return stationary * weight + (1.0 - stationary) * output
