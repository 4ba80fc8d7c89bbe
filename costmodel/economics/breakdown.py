"""Parts of an amount, side by side."""

from __future__ import annotations

import torch
from torch import Tensor


def side_by_side(*parts: Tensor) -> Tensor:
    """Stack parts ``[*batch]`` on a new, contiguous last dimension ``[*batch,K]``.

    Contiguous, because a sum over it then does not depend on the batch, bit for bit.
    """
    shape = torch.broadcast_shapes(*(part.shape for part in parts))
    return torch.stack([part.expand(shape) for part in parts], -1)
