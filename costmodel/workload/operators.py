"""Operators of a dense transformer step, for every design of a batch at once.

One row is one *unique* operator with the number of times it runs; identical layers collapse.
Shapes are per package after tensor parallelism, so they depend on the deployment.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Deployment
from costmodel.numerics import relax as relaxed
from costmodel.workload.operations import COSTS, WIDE_BYTES
from costmodel.workload.scenario import Request, Scenario
from costmodel.workload.transformer import Transformer

RESIDUAL_BYTES = 2.0
"""The residual stream and partial sums between packages stay in bf16 [byte]."""

KINDS = {
    "qkv": "gemm",
    "attention_output": "gemm",
    "gate_up": "gemm",
    "down": "gemm",
    "head": "gemm",
    "attention": "attention",
    "norm": "vector",
    "rotary": "vector",
    "gate": "vector",
    "sample": "vector",
    "embedding": "gather",
    "reduce": "all_reduce",
    "logits": "all_gather",
    "stage_hop": "point_to_point",
}


@dataclass(frozen=True)
class Operators:
    """Unique operators of a step; leaves ``[*batch,P,O]`` (size 1 where constant).

    GEMM: one product of [rows, depth] x [depth, columns]; grouped GEMM: ``groups`` of them, with
    other weights each, ``rows`` in the mean. Attention: ``groups`` pairs of sequence and KV head,
    ``rows`` query rows in each, ``columns`` tokens up to the last query, ``depth`` and
    ``value_depth`` the widths of a key and a value, ``queries`` new tokens, ``window`` tokens a
    query sees (0 = all before it), ``latent`` 1 where a value is a part of its key, ``pairs``
    visible scores of a group.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    points: tuple[str, ...]  # P, "<request>/<phase>"
    phases: tuple[str, ...]  # P
    weight: Tensor  # [P] share of the requests [1]
    count: Tensor  # executions a step of one stage [count]
    groups: Tensor
    rows: Tensor
    columns: Tensor
    depth: Tensor
    value_depth: Tensor
    queries: Tensor
    window: Tensor
    latent: Tensor
    pairs: Tensor
    operations: Tensor  # vector operations without exponentials [op]
    exponentials: Tensor  # [op]
    read: Tensor  # bytes read by a vector or gather operator [byte]
    written: Tensor  # [byte]
    cached: Tensor  # new keys and values that must reach the cache's memory [byte]
    wire: Tensor  # bytes a package puts into a collective or a hop [byte]

    def index(self, kind: str) -> slice:
        """Where the operators of one kind stand; kinds are contiguous."""
        positions = [number for number, name in enumerate(self.kinds) if name == kind]
        return slice(positions[0], positions[-1] + 1) if positions else slice(0, 0)


@dataclass(frozen=True)
class Workload:
    """A model and a traffic mix."""

    model: Transformer
    scenario: Scenario

    def operators(
        self, deployment: Deployment, element_bytes: Tensor, role: str, relax: float = 0.0
    ) -> Operators:
        """Operators that a pool of this role runs.

        Parameters
        ----------
        deployment : Deployment
            Leaves ``[*batch]``.
        element_bytes : Tensor [*batch]
            Width of weights, activations and KV cache [byte].
        role : str
            ``"both"``, ``"prefill"`` or ``"decode"``.
        relax : float
            0 for exact integers.
        """
        points: list[tuple[Request, str]] = [
            (request, phase)
            for phase in ("prefill", "decode")
            if role in ("both", phase)
            for request in self.scenario.requests
        ]
        parts = [
            _point(self.model, request, phase, deployment, element_bytes, relax)
            for request, phase in points
        ]
        names = tuple(KINDS)
        fields = {
            key: _stack([[part[name].get(key, 0.0) for name in names] for part in parts])
            for key in _FIELDS
        }
        return Operators(
            names=names,
            kinds=tuple(KINDS.values()),
            points=tuple(f"{request.name}/{phase}" for request, phase in points),
            phases=tuple(phase for _, phase in points),
            weight=torch.tensor([request.weight for request, _ in points], dtype=torch.float64),
            **fields,
        )

    def weight_bytes(self, deployment: Deployment, element_bytes: Tensor) -> Tensor:
        """Weights held by one package ``[*batch]`` [byte]."""
        shards = (deployment.tensor_parallel * deployment.pipeline_parallel).double()
        return self.model.parameters * element_bytes / shards

    def cache_bytes(self, deployment: Deployment, element_bytes: Tensor) -> Tensor:
        """Keys and values held by one package at the largest mean context ``[*batch]`` [byte]."""
        context = max(request.decode_context for request in self.scenario.requests)
        model = self.model
        heads = _local_kv_heads(model, deployment.tensor_parallel.double())
        stage = model.layers / deployment.pipeline_parallel.double()
        per_token = 2.0 * stage * heads * model.head_dim * element_bytes
        return deployment.batch.double() * context * per_token


_FIELDS = (
    "count", "groups", "rows", "columns", "depth", "value_depth", "queries", "window", "latent",
    "pairs", "operations", "exponentials", "read", "written", "cached", "wire",
)  # fmt: skip

Row = dict[str, Tensor | float]


def _local_kv_heads(model: Transformer, tensor_parallel: Tensor) -> Tensor:
    """KV heads of a package; they are replicated when there are fewer heads than packages."""
    return torch.clamp(model.kv_heads / tensor_parallel, min=1.0)


def _point(
    model: Transformer,
    request: Request,
    phase: str,
    deployment: Deployment,
    element_bytes: Tensor,
    relax: float,
) -> dict[str, Row]:
    """Rows of one point: one request in prefill, one micro-batch of sequences in decode."""
    tensor = deployment.tensor_parallel.double()
    stages = deployment.pipeline_parallel.double()
    if phase == "prefill":
        sequences = torch.ones_like(tensor)
        new, cached = request.new_tokens, request.cached_tokens
    else:
        sequences = relaxed.ceil(deployment.batch.double() / stages, relax)
        new, cached = 1, request.decode_context - 1
    tokens = sequences * new
    layers = relaxed.ceil(model.layers / stages, relax)
    query_heads = model.heads / tensor
    kv_heads = _local_kv_heads(model, tensor)
    width = model.head_dim
    pairs = new * cached + new * (new + 1) // 2
    groups = sequences * kv_heads
    rows_per_group = new * query_heads / kv_heads
    qkv = (query_heads + 2.0 * kv_heads) * width
    hidden_bytes = tokens * model.hidden * RESIDUAL_BYTES
    gate = model.intermediate / tensor
    vocabulary = model.vocabulary / tensor
    narrow = COSTS["quantise"].operations * (element_bytes < WIDE_BYTES).double()
    parallel = (tensor > 1).double()
    piped = (stages > 1).double()

    def gemm(
        count: Tensor | float, rows: Tensor, columns: Tensor | float, depth: Tensor | float
    ) -> Row:
        names = ("count", "groups", "rows", "columns", "depth")
        return dict(zip(names, (count, 1.0, rows, columns, depth), strict=True))

    return {
        "qkv": gemm(layers, tokens, qkv, float(model.hidden)),
        "attention_output": gemm(layers, tokens, float(model.hidden), query_heads * width),
        "gate_up": gemm(layers, tokens, 2.0 * gate, float(model.hidden)),
        "down": gemm(layers, tokens, float(model.hidden), gate),
        "head": gemm(1.0, sequences, vocabulary, float(model.hidden)),
        "attention": {
            "count": layers,
            "groups": groups,
            "rows": rows_per_group,
            "columns": float(cached + new),
            "depth": float(width),
            "value_depth": float(width),
            "queries": float(new),
            "pairs": rows_per_group * pairs / new,
        },
        "norm": {
            "count": 2.0 * layers,
            "operations": (COSTS["norm"].operations + narrow) * tokens * model.hidden,
            "read": 2.0 * hidden_bytes,
            "written": hidden_bytes + tokens * model.hidden * element_bytes,
        },
        "rotary": {
            "count": layers,
            "operations": (COSTS["rotary"].operations + narrow) * tokens * qkv,
            "read": tokens * qkv * element_bytes,
            "written": tokens * query_heads * width * element_bytes,
            "cached": tokens * 2.0 * kv_heads * width * element_bytes,
        },
        "gate": {
            "count": layers,
            "operations": (COSTS["gate"].operations + narrow) * tokens * gate,
            "exponentials": COSTS["gate"].exponentials * tokens * gate,
            "read": 2.0 * tokens * gate * element_bytes,
            "written": tokens * gate * element_bytes,
        },
        "sample": {
            "count": 1.0,
            "operations": COSTS["sample"].operations * sequences * vocabulary,
            "exponentials": COSTS["sample"].exponentials * sequences * vocabulary,
            "read": sequences * vocabulary * RESIDUAL_BYTES,
        },
        "embedding": {
            "count": 1.0,
            "read": tokens * model.hidden * element_bytes,
            "written": hidden_bytes,
        },
        "reduce": {"count": 2.0 * layers, "wire": parallel * hidden_bytes},
        "logits": {"count": 1.0, "wire": parallel * sequences * vocabulary * RESIDUAL_BYTES},
        "stage_hop": {"count": 1.0, "wire": piped * hidden_bytes},
    }


def _stack(values: list[list[Tensor | float]]) -> Tensor:
    """Rows of tensors ``[*batch]`` and numbers into one tensor ``[*batch,P,O]``."""
    flat = [torch.as_tensor(item, dtype=torch.float64) for row in values for item in row]
    shape = torch.broadcast_shapes(*(item.shape for item in flat))
    stacked = torch.stack([item.expand(shape) for item in flat], dim=-1)
    return stacked.reshape(*shape, len(values), len(values[0]))
