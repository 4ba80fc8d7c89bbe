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
from costmodel.workload.scenario import Request, Scenario
from costmodel.workload.transformer import Transformer

QUERY_TILE = 128
CONTEXT_TILE = 128
"""Rows and columns of a score tile of fused attention [count]."""

RESIDUAL_BYTES = 2.0
"""The residual stream and partial sums between packages stay in bf16 [byte]."""

NORM_OPERATIONS = 6.0  # residual add, square, accumulate, scale, weight, convert
ROTARY_OPERATIONS = 3.0  # two products and a sum for each element
GATE_OPERATIONS = 4.0  # negate, add, divide, product; the exponential is counted apart
SOFTMAX_OPERATIONS = 4.0  # scale, running maximum, subtract, accumulate
SAMPLE_OPERATIONS = 3.0  # maximum, subtract, accumulate

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

    GEMM: ``groups`` products of [rows, depth] x [depth, columns]. Attention: ``groups`` pairs of
    sequence and KV head, ``rows`` query rows in each, ``columns`` cached tokens, ``depth`` the
    head dimension, ``scored`` tokens scored for a row (mean, tile-rounded), ``pairs`` scores of a
    group without rounding.
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
    scored: Tensor
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
    "count", "groups", "rows", "columns", "depth", "scored", "pairs",
    "operations", "exponentials", "read", "written", "cached", "wire",
)  # fmt: skip

Row = dict[str, Tensor | float]


def _local_kv_heads(model: Transformer, tensor_parallel: Tensor) -> Tensor:
    """KV heads of a package; they are replicated when there are fewer heads than packages."""
    return torch.clamp(model.kv_heads / tensor_parallel, min=1.0)


def scored_context(new_tokens: int, cached_tokens: int, query_rows: int) -> float:
    """Mean tokens scored for a query, tile by tile under a causal mask.

    Query blocks of ``QUERY_TILE`` rows (all query heads of a KV head share a block) meet context
    blocks of ``CONTEXT_TILE``; a block with any unmasked score is computed whole.
    """
    tokens = max(1, QUERY_TILE // query_rows)
    total = 0
    for start in range(0, new_tokens, tokens):
        stop = min(start + tokens, new_tokens)
        visible = cached_tokens + stop
        total += (stop - start) * -(-visible // CONTEXT_TILE) * CONTEXT_TILE
    return total / new_tokens


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
    shared = model.heads // model.kv_heads
    width = model.head_dim
    pairs = new * cached + new * (new + 1) // 2
    scored = scored_context(new, cached, shared)
    groups = sequences * kv_heads
    rows_per_group = new * query_heads / kv_heads
    scores = sequences * query_heads * pairs
    qkv = (query_heads + 2.0 * kv_heads) * width
    hidden_bytes = tokens * model.hidden * RESIDUAL_BYTES
    gate = model.intermediate / tensor
    vocabulary = model.vocabulary / tensor
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
            "scored": scored,
            "pairs": rows_per_group * pairs / new,
            "operations": SOFTMAX_OPERATIONS * scores,
            "exponentials": scores,
        },
        "norm": {
            "count": 2.0 * layers,
            "operations": NORM_OPERATIONS * tokens * model.hidden,
            "read": 2.0 * hidden_bytes,
            "written": hidden_bytes + tokens * model.hidden * element_bytes,
        },
        "rotary": {
            "count": layers,
            "operations": ROTARY_OPERATIONS * tokens * qkv,
            "read": tokens * qkv * element_bytes,
            "written": tokens * query_heads * width * element_bytes,
            "cached": tokens * 2.0 * kv_heads * width * element_bytes,
        },
        "gate": {
            "count": layers,
            "operations": GATE_OPERATIONS * tokens * gate,
            "exponentials": tokens * gate,
            "read": 2.0 * tokens * gate * element_bytes,
            "written": tokens * gate * element_bytes,
        },
        "sample": {
            "count": 1.0,
            "operations": SAMPLE_OPERATIONS * sequences * vocabulary,
            "exponentials": sequences * vocabulary,
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
