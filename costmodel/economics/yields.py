"""Die yield under clustered defects, with harvesting of replicated cores.

Defects are Poisson with a density that varies from place to place on the wafer as a gamma
variable (the negative binomial model). At a given density a core survives with probability ``y``,
independently of the others, so the number of good cores is binomial; the die is sold when at
least ``cores_enabled`` of ``cores_built`` cores work and the area that has no copy is free of
defects.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Die
from costmodel.hardware.technology import Technology
from costmodel.numerics import relax
from costmodel.physics.area import DieArea

NODES = 10
"""Gauss-Laguerre nodes."""
LEVELS = 16
"""Levels of the continued fraction."""


@dataclass(frozen=True)
class Yield:
    """Share of dies of one kind that can be sold ``[*batch]`` [1]."""

    good: Tensor  # at least `cores_enabled` cores work, and all that has no copy
    perfect: Tensor  # every core works: what `good` would be without harvesting
    uncore: Tensor  # all that has no copy works


def die_yield(technology: Technology, die: Die, area: DieArea) -> Yield:
    r"""Yield of one kind of die.

    Parameters
    ----------
    technology : Technology
        Reads ``node.defect_density`` [1/m2] and ``constant.yield_clustering`` [1].
    die : Die
        Leaves ``[*batch]``; cores enabled and built [count].
    area : DieArea
        ``core`` (one core) and ``uncore`` (all else) of the die [m2].

    Returns
    -------
    Yield
        ``[*batch]`` [1].

    Notes
    -----
    .. math::
        Y = E_G\left[e^{-A_u D G}\; P\{Bin(n, e^{-A_c D G}) \ge k\}\right],\quad
        G \sim Gamma(\alpha, 1/\alpha)

    The factor :math:`e^{-(A_u + k A_c) D G}`, that the uncore and the first k cores survive, is
    taken into the gamma weight exactly. What remains is nearly a polynomial of degree ``n - k``,
    and 1 for ``n = k``: there the negative binomial closed form comes out to the last bits.
    Monotone: down in areas, defect density and cores enabled; up in cores built at equal core
    area and uncore.
    """
    density = technology.at("node", "defect_density", die.node)
    alpha = technology.constant("yield_clustering")
    enabled = die.cores_enabled.double().clamp_min(1.0)
    built = torch.maximum(die.cores_built.double(), enabled)
    uncore = area.uncore * density
    core = area.core * density
    return Yield(
        good=harvested(uncore, core, built, enabled, alpha),
        perfect=clustered(uncore + built * core, alpha),
        uncore=clustered(uncore, alpha),
    )


def clustered(defects: Tensor, alpha: Tensor) -> Tensor:
    """Negative binomial yield ``(1 + defects/alpha)^-alpha`` of an area [1].

    Parameters
    ----------
    defects : Tensor [*batch]
        Mean number of fatal defects [count].
    alpha : Tensor
        Clustering: small means clustered, infinity Poisson [1].
    """
    return torch.exp(-alpha * torch.log1p(defects / alpha))


def harvested(
    uncore: Tensor, core: Tensor, built: Tensor, enabled: Tensor, alpha: Tensor
) -> Tensor:
    """Probability that the uncore and at least `enabled` of `built` cores work [1].

    Parameters
    ----------
    uncore, core : Tensor [*batch]
        Mean fatal defects in what has no copy, and in one core [count].
    built, enabled : Tensor [*batch]
        Cores, ``1 <= enabled <= built``; real values interpolate smoothly [count].
    alpha : Tensor
        Clustering [1].
    """
    points, weights = gauss_laguerre(alpha, NODES)
    certain = uncore + enabled * core
    density = points / (alpha + certain).unsqueeze(-1)
    rest = tail_over_power(enabled.unsqueeze(-1), built.unsqueeze(-1), core.unsqueeze(-1) * density)
    mean: Tensor = (weights * rest).sum(-1)
    return clustered(certain, alpha) * mean


def gauss_laguerre(alpha: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the gamma density with shape `alpha` and unit rate.

    Parameters
    ----------
    alpha : Tensor, any shape
        Shape of the gamma density [1].
    count : int
        Number of nodes [count].

    Returns
    -------
    nodes, weights : Tensor [..., count]
        Weights sum to 1; exact for polynomials up to degree ``2 count - 1``.

    Notes
    -----
    Golub and Welsch: eigenvalues of the Jacobi matrix, squared first components of its vectors.
    """
    order = torch.arange(count, dtype=torch.float64)
    diagonal = 2.0 * order + alpha.unsqueeze(-1)
    beside = torch.sqrt(order[1:] * (order[1:] - 1.0 + alpha.unsqueeze(-1)))
    # Both triangles: the slope of `eigh` is that of a symmetric matrix.
    sides = torch.diag_embed(beside, -1) + torch.diag_embed(beside, 1)
    matrix = torch.diag_embed(diagonal) + sides
    values, vectors = torch.linalg.eigh(matrix)
    return values, vectors[..., 0, :] * vectors[..., 0, :]


def tail_over_power(enabled: Tensor, built: Tensor, defects: Tensor) -> Tensor:
    r"""Probability that enough cores work, over the probability that the first ones do.

    .. math:: P\{Bin(n, y) \ge k\} / y^k = I_y(k, n-k+1) / y^k, \quad y = e^{-\lambda}

    Parameters
    ----------
    enabled, built : Tensor
        k and n, ``1 <= k <= n`` [count].
    defects : Tensor
        Mean fatal defects of one core, lambda [count].

    Returns
    -------
    Tensor
        1 for ``k = n`` or no defects; never below 1 [1].

    Notes
    -----
    The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), from the
    side of the mean on which it converges fast, evaluated backwards over a fixed number of
    levels: the cost does not grow with n and every batch takes the same steps.
    """
    spare = built - enabled + 1.0
    good = torch.exp(-defects)
    bad = -torch.expm1(-defects)
    log_beta = torch.lgamma(enabled) + torch.lgamma(spare) - torch.lgamma(built + 1.0)
    few = bad < (spare + 1.0) / (built + 3.0)
    share = torch.where(few, bad, good)
    level = torch.arange(LEVELS, dtype=torch.float64).reshape(-1, *(1,) * share.ndim)
    odd_few, even_few = _levels(spare, enabled, level)
    odd_many, even_many = _levels(enabled, spare, level)
    odds = torch.where(few, odd_few, odd_many) * share
    evens = torch.where(few, even_few, even_many) * share
    one = torch.ones_like(share)
    fraction = one
    for odd, even in zip(reversed(odds.unbind(0)), reversed(evens.unbind(0)), strict=True):
        fraction = torch.addcdiv(one, odd, torch.addcdiv(one, even, fraction))
    # SMALLEST keeps the slope finite where there are no defects: the front is then 0.
    front = torch.exp(spare * torch.log(bad.clamp_min(relax.SMALLEST)) - log_beta)
    front = front / (torch.where(few, spare, enabled) * fraction)
    return torch.where(few, torch.exp(enabled * defects) - front, front)


def _levels(first: Tensor, second: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients of the continued fraction of ``I_x(first, second)``, without the factor x."""
    ends = first + 2.0 * level
    odd = -(first + level) * (first + second + level) / (ends * (ends + 1.0))
    after = level + 1.0
    even = after * (second - after) / ((ends + 1.0) * (ends + 2.0))
    return odd, even
