"""A known answer for `doctor`: an H100 node serving Llama-3.1-70B in bf16."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import map_leaves
from costmodel.timing.tables import build_tables
from costmodel.workload.loading import load_workload
from search.evaluation import deploy

CHIP, MODEL, SCENARIO = "h100", "llama-3.1-70b", "prefill-2048-decode-4096"
PLAN: dict[str, int | str | Tensor | None] = {
    "format": "bf16",
    "tensor_parallel": 8,
    "pipeline_parallel": 1,
    "batch": 32,
}
BATCH = 7


def bandwidth_floor() -> float:
    """Least time of a decode step: weights and cache read once at the published bandwidth [s].

    All layers and the output projection, and the keys and values of 32 sequences of 4,096 tokens,
    in two bytes, from eight packages of 3.35 TB/s.
    """
    model = load_workload(MODEL, SCENARIO).model
    weights = 2.0 * (model.layers * model.layer_parameters + model.head_parameters)
    cache = 2.0 * 2.0 * model.layers * model.kv_heads * model.head_dim * 32 * 4096
    return (weights + cache) / (8 * 3.35e12)


def reference_check() -> tuple[bool, str]:
    """Evaluate alone and in a batch.

    Returns
    -------
    bool
        Whether both give the same bits and no step beats what memory bandwidth allows.
    str
        What was found.
    """
    technology = load_technology()
    workload, tables = load_workload(MODEL, SCENARIO), build_tables()
    one = deploy(load_chip(CHIP, technology).designs, technology, PLAN)
    many = map_leaves(one, lambda leaf: leaf.expand(BATCH).clone())
    with torch.no_grad():
        start = time.perf_counter()
        alone = evaluate(one, workload, technology, tables)
        seconds = time.perf_counter() - start
        batch = evaluate(many, workload, technology, tables)
    same = all(
        torch.equal(value.expand(BATCH), batch[name]) for name, value in alone.values.items()
    )
    step, floor = float(alone["tpot"]), bandwidth_floor()
    detail = (
        f"{CHIP}, {MODEL}: a decode step takes {1e3 * step:.2f} ms, never under "
        f"{1e3 * floor:.2f} ms; alone and in a batch {'the same' if same else 'DIFFERENT'} bits; "
        f"{1e3 * seconds:.0f} ms to evaluate"
    )
    return same and step >= floor, detail
