"""Exact integer functions and their smooth slopes, in one code path.

Every non-smooth step of the cost model goes through this module. With ``relax=0.0`` the
functions are exact (ceil, max, comparison); with ``0 < relax <= 1`` they return a smooth value
whose slope guides a gradient search. Reported values always use ``relax=0.0``.

Powers are written ``exp(p*log(x))``: measured to be equal bit for bit across batch sizes,
which ``x ** 0.61`` is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_EXPONENT = 1e18
"""An overlap exponent beyond this is a maximum to the last bit, infinity included."""

SMALLEST = 1e-300
"""Floor under a logarithm: far below any time, byte count or power in the model."""


def ceil(value: Tensor, relax: float = 0.0) -> Tensor:
    """Round up, or the ramp that leads to it.

    Parameters
    ----------
    value : Tensor, any shape
        Non-negative quantity [count].
    relax : float
        0 for the exact ceiling; ``0 < w <= 1`` for the ramp-ceiling
        ``floor(x) + min(1, frac(x) / w)``.

    Returns
    -------
    Tensor
        ``x <= result <= ceil(x)``, equal to ``ceil(x)`` where ``frac(x) >= w``; never between 0
        and 1: a small piece of work still takes one wave, one fold [count].

    Notes
    -----
    ``w = 1`` is the identity and ``w -> 0`` the exact ceiling, so a schedule of ``w`` walks
    from one to the other. The floor carries no gradient.

    Examples
    --------
    >>> x = torch.tensor([2.0, 2.25, 2.75])
    >>> ceil(x), ceil(x, relax=0.5), ceil(x, relax=1.0)
    (tensor([2., 3., 3.]), tensor([2.0000, 2.5000, 3.0000]), tensor([2.0000, 2.2500, 2.7500]))
    """
    if relax <= 0.0:
        return torch.ceil(value)
    whole = torch.floor(value.detach())
    ramp = whole + torch.clamp((value - whole) / relax, max=1.0)
    return torch.where(value > 0, ramp.clamp_min(1.0), ramp)


def ceil_divide(numerator: Tensor, denominator: Tensor, relax: float = 0.0) -> Tensor:
    """Number of pieces of size `denominator` that cover `numerator` [count].

    >>> ceil_divide(torch.tensor(100.0), torch.tensor(32.0))
    tensor(4.)
    """
    return ceil(numerator / denominator, relax)


def floor(value: Tensor, relax: float = 0.0) -> Tensor:
    """Round down exactly, or pass the value through when relaxed [count]."""
    return torch.floor(value) if relax <= 0.0 else value


def overlap(parts: Tensor, exponent: Tensor, dim: int = -1) -> Tensor:
    r"""Time of activities that overlap imperfectly.

    .. math:: SM_p(x) = \left(\sum_i x_i^p\right)^{1/p}

    Parameters
    ----------
    parts : Tensor [..., C]
        Non-negative times of the activities [s].
    exponent : Tensor, broadcastable to ``parts`` without its last dimension
        1 means no overlap (sum), infinity perfect overlap (max) [1].
    dim : int
        Dimension of the activities.

    Returns
    -------
    Tensor
        ``max(x) <= result <= n^(1/p) max(x)``; homogeneous of degree one [s].

    Examples
    --------
    Exponent 1 adds, 2 is Pythagoras, a large one takes the longest:

    >>> times = torch.tensor([3.0, 4.0], dtype=torch.float64)
    >>> [round(float(overlap(times, torch.tensor(p))), 6) for p in (1.0, 2.0, 100.0)]
    [7.0, 5.0, 4.0]
    """
    largest = parts.detach().amax(dim, keepdim=True).clamp_min(SMALLEST)
    exponent = exponent.clamp_max(LARGEST_EXPONENT)
    power = exponent.unsqueeze(dim)
    scaled = torch.exp(power * torch.log((parts / largest).clamp_min(1e-30)))
    total = torch.log(scaled.sum(dim)) / exponent
    return torch.exp(total) * largest.squeeze(dim)


def power(base: Tensor, exponent: float | Tensor) -> Tensor:
    """``base ** exponent`` for positive bases, equal for every batch size.

    >>> round(float(power(torch.tensor(9.0, dtype=torch.float64), 0.5)), 12)
    3.0
    """
    return torch.exp(exponent * torch.log(base.clamp_min(SMALLEST)))
