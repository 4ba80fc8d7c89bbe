"""The best mapping of every GEMM of every design."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from costmodel.timing.compiled import is_compiled
from costmodel.timing.gemm import transfers
from costmodel.timing.kernel import FIELDS
from costmodel.timing.kernel_search import ANSWER, look_up_rows
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import TILE_SHARE, Resources
from costmodel.timing.tables import Tables


def is_ready() -> bool:
    """Whether a look-up needs no compilation first."""
    return is_compiled(look_up_rows.__name__)


def make_ready() -> None:
    """Compile the look-up, where that was not done before: once for each version."""
    look_up_rows(np.empty((0, len(FIELDS))), np.empty((0, ANSWER)))


def kernel_rows(product: Product, resources: Resources, on_chip: bool = True) -> Tensor:
    """All that a look-up needs to know, ``[*batch,P,G,len(FIELDS)]``."""
    r = resources
    cost = transfers(product, r, on_chip)
    columns = {
        "M": torch.ceil(product.rows), "N": torch.ceil(product.columns),
        "K": torch.ceil(product.depth), "cores": r.cores, "height": r.rows, "width": r.columns,
        "rate": r.rate.clamp_min(1e-12), "arrays": r.arrays,
        "weight_stationary": r.weight_stationary, "input_stationary": r.input_stationary,
        "instruction_depth": r.instruction_depth, "hidden": r.hidden_fill,
        "array_second": 1.0 / (r.clock * r.array_efficiency),
        "port_second": 1.0 / (r.port_width * r.clock),
        "vector_second": 1.0 / (r.lanes * r.clock * r.vector_efficiency),
        "element_bytes": r.element_bytes, "accumulator_bytes": r.accumulator_bytes,
        "l1": r.l1, "room": TILE_SHARE * r.l2,
        "read_a": cost.activation * cost.read, "read_b": cost.weight * cost.read,
        "read_partial": cost.partial * cost.read, "write": cost.output * cost.written,
        "write_partial": cost.partial * cost.written, "exponent": r.overlap,
        "prefetch": r.prefetch, "step": torch.zeros(()), "multicast": r.multicast,
    }  # fmt: skip
    assert tuple(columns) == FIELDS
    return torch.stack(torch.broadcast_tensors(*(item.double() for item in columns.values())), -1)


def best_mappings(
    product: Product,
    resources: Resources,
    tables: Tables,  # noqa: ARG001 - compiled machines need none
    on_chip: bool = True,
) -> Mapping:
    """The mapping of least time."""
    with torch.no_grad():
        packed = kernel_rows(product, resources, on_chip)
        rows = np.ascontiguousarray(packed.reshape(-1, len(FIELDS)).numpy())
        answers = np.empty((len(rows), ANSWER))
        look_up_rows(rows, answers)
        chosen = torch.from_numpy(answers[:, :8]).reshape(*packed.shape[:-1], 8)
        return Mapping(*(item.contiguous() for item in chosen.unbind(-1)))
