"""Cycles of a matrix array for one tile: folds, fill and drain.

A tile larger than the array is cut into *folds*, one for each set of values that stays in the
array: weights, activations or outputs, whichever the machine keeps. A tensor unit keeps outputs
and takes whole matrix instructions instead of a skewed stream.
"""

from __future__ import annotations

import torch
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
    paid once. Input stationary: the same with m and n exchanged. Output stationary:
    :math:`\lceil m/R \rceil \lceil n/C \rceil` folds of :math:`k/q + R + C - 2`.
    ``hidden_fill`` blends the two ends; folds are dealt to the arrays.

    A tensor unit (``instruction_depth`` d > 0) makes R x C outputs with instructions that are d
    deep and take d/q cycles, so a fold takes :math:`\lceil k/d \rceil d/q` and, unhidden, one
    more instruction before its sums can leave.

    Monotone: grows with `rows`, `columns` and `depth`; falls with `arrays` and `hidden_fill`.

    References
    ----------
    Samajdar et al., SCALE-Sim, arXiv:1811.02883, the analytical runtime model.
    """
    height, width, rate = resources.rows, resources.columns, resources.rate.clamp_min(1e-12)
    hidden, arrays = resources.hidden_fill, resources.arrays
    turned = resources.input_stationary > 0.0
    stationary = maximum(resources.weight_stationary, resources.input_stationary)
    streamed = torch.where(turned, columns, rows)
    kept = torch.where(turned, rows, columns)
    kept_folds = ceil_divide(depth, height * rate, relax) * ceil_divide(kept, width, relax)
    kept_folds = ceil_divide(kept_folds, arrays, relax)
    kept_fill = 2.0 * height + width - 2.0
    kept_cycles = (
        kept_folds * (hidden * maximum(streamed, height) + (1.0 - hidden) * (streamed + kept_fill))
        + hidden * kept_fill
    )
    output_folds = ceil_divide(rows, height, relax) * ceil_divide(columns, width, relax)
    output_folds = ceil_divide(output_folds, arrays, relax)
    instruction = maximum(resources.instruction_depth, rate)
    skewed = resources.instruction_depth <= 0.0
    output_fill = torch.where(skewed, height + width - 2.0, instruction / rate)
    fold = ceil_divide(depth, instruction, relax) * (instruction / rate)
    output = output_folds * (fold + (1.0 - hidden) * output_fill) + hidden * output_fill
    return stationary * kept_cycles + (1.0 - stationary) * output
