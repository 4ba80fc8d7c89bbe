"""Mixture of experts: how many experts a step touches, how many rows each gets.

Routing is taken as uniform and independent between tokens; `busiest` says how far the fullest
device is expected to stand above the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed


@dataclass(frozen=True)
class ExpertLoad:
    """What one device of an expert-parallel group sees, leaves ``[*batch]``."""

    active: Tensor  # experts with any row, expected [count]
    rows: Tensor  # of an active expert, mean [count]
    busiest: Tensor  # rows of the fullest device over the mean [1]


def expert_load(tokens: Tensor, experts: int, chosen: int, parallel: Tensor) -> ExpertLoad:
    r"""Experts that a step touches on a device, and their rows.

    Parameters
    ----------
    tokens : Tensor [*batch]
        Tokens that the expert-parallel group sees in a step [token].
    experts, chosen : int
        Experts of a layer, and how many each token is sent to [count].
    parallel : Tensor [*batch]
        Devices among which the experts are spread [count].

    Notes
    -----
    An expert is missed by a token with probability :math:`1 - k/E`, so a device of E/ep experts
    touches :math:`(E/ep)(1 - (1 - k/E)^t)` of them, with
    :math:`t k / (E (1 - (1 - k/E)^t))` rows each: k experts of one row for one token, all experts
    of :math:`t k / E` rows for many. The fullest of ep devices stands about
    :math:`\sqrt{2 \ln(ep) / n}` above the mean of n rows.

    Examples
    --------
    One token of Mixtral touches its two experts, 64 tokens touch all eight:

    >>> one = expert_load(torch.tensor(1.0, dtype=torch.float64), 8, 2, torch.tensor(1.0))
    >>> round(float(one.active), 9), round(float(one.rows), 9)
    (2.0, 1.0)
    >>> many = expert_load(torch.tensor(64.0, dtype=torch.float64), 8, 2, torch.tensor(1.0))
    >>> round(float(many.active), 6), round(float(many.rows), 6)
    (8.0, 16.0)
    """
    share = chosen / experts
    missed = torch.as_tensor(1.0 - share, dtype=torch.float64)
    touched = 1.0 - (relaxed.power(missed, tokens) if share < 1.0 else torch.zeros_like(tokens))
    local = experts / parallel.double()
    sent = tokens * share * local
    spread = torch.sqrt(2.0 * torch.log(parallel.double().clamp_min(1.0)) / sent.clamp_min(1e-12))
    return ExpertLoad(
        active=local * touched,
        rows=tokens * share / touched.clamp_min(math.ulp(1.0)),
        busiest=1.0 + spread,
    )
