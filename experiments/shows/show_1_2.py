"""H100 serving Llama-3.1-70B: bounds that nothing beats, totals, parts beside measured kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import replace_at
from costmodel.timing.tables import build_tables
from costmodel.workload import load_workload
from costmodel.workload.transformer import Transformer
from experiments.shows.harness import Line, Show
from experiments.validation.fit_software import collective_rows, gemm_rows, seconds
from experiments.validation.rows import Row

CHIP, MODEL, SCENARIO = "h100", "llama-3.1-70b", "prefill-2048-decode-4096"
PACKAGES, BATCH, TOKENS, CONTEXT = 8, 32, 2048, 4096
BODY = ("qkv", "attention_output", "gate_up", "down")
TOLERANCE = 0.25


def measure() -> Iterator[Line]:
    """Bounds by hand from the spec sheet, then the model."""
    technology = load_technology()
    workload = load_workload(MODEL, SCENARIO)
    model = workload.model
    designs = load_chip(CHIP, technology).designs
    for path, value in (
        ("deployment.format", technology.row("format", "bf16")),
        ("deployment.tensor_parallel", PACKAGES),
        ("deployment.batch", BATCH),
    ):
        designs = replace_at(designs, f"pools.0.{path}", torch.tensor(value))
    metrics = evaluate(designs, workload, technology, build_tables())
    prefill, decode = 1e3 * metrics["ttft"].item(), 1e3 * metrics["tpot"].item()

    body = model.layers * model.layer_parameters
    pairs = TOKENS * (TOKENS + 1) // 2 * model.heads * model.layers
    operations = 2 * (body * TOKENS + 2 * pairs * model.head_dim + model.head_parameters)
    peak = PACKAGES * metrics["peak_throughput"].item()
    least = 1e3 * operations / peak
    yield Line(
        "prefill bound: all operations at peak",
        "36.1 ms",
        f"{least:.1f} ms",
        abs(least - 36.1) < 0.1,
    )
    moved = 2 * (body + model.head_parameters) + 2 * BATCH * CONTEXT * model.kv_elements_per_token
    least_decode = 1e3 * moved / (PACKAGES * metrics["memory_bandwidth"].item())
    yield Line(
        "decode bound: weights and KV at peak bandwidth",
        "6.79 ms",
        f"{least_decode:.2f} ms",
        abs(least_decode - 6.79) < 0.02,
    )
    yield Line(
        "prefill of 2,048 tokens",
        "60 to 100 ms, above its bound",
        f"{prefill:.1f} ms",
        60.0 <= prefill <= 100.0 and prefill > least,
    )
    yield Line(
        "decode, batch 32, context 4,096",
        "9 to 20 ms, above its bound",
        f"{decode:.1f} ms",
        9.0 <= decode <= 20.0 and decode > least_decode,
    )

    latency = metrics.breakdowns["latency"]
    points, names = latency.labels
    for row, point in enumerate(points):
        parts = {
            name: 1e3 * latency.values[row, column].item() for column, name in enumerate(names)
        }
        text = ", ".join(f"{name} {part:.2f}" for name, part in parts.items() if part >= 0.005)
        yield Line(f"parts of {point}, ms", "", text)
        if point.endswith("prefill"):
            gemms, reduce = sum(parts[name] for name in BODY), parts["reduce"]
    measured = _measured_gemms(model.layers, model)
    yield Line(
        "GEMMs of prefill (fitted: efficiency of the GPU class)",
        "45 ms within 25 %",
        f"{gemms:.1f} ms, {measured:.1f} ms from measured rows",
        abs(gemms / 45.0 - 1.0) <= TOLERANCE,
    )
    rows = _measured_reduce(model.hidden * TOKENS * 2.0)
    low, high = (1e3 * 2 * model.layers * item for item in (min(rows), max(rows)))
    yield Line(
        "all-reduces of prefill (fitted: fabric of the GPU class)",
        "26 to 32 ms within 25 %",
        f"{reduce:.1f} ms, {low:.1f} to {high:.1f} ms from measured rows",
        26.0 * (1 - TOLERANCE) <= reduce <= 32.0 * (1 + TOLERANCE),
    )
    for column in (
        "array_efficiency",
        "memory_efficiency",
        "attention_efficiency",
        "launch_time",
        "overlap_exponent",
        "collective_latency",
        "collective_half_size",
        "reduction_efficiency",
        "vector_efficiency",
        "vector_fusion",
    ):
        entry = technology.entry("software", "simt_shipped", column)
        yield Line(
            f"software record, all GPUs: {column}",
            "",
            f"{entry.value:g} {entry.unit}, {entry.kind}",
        )


def _measured_gemms(layers: int, model: Transformer) -> float:
    """Measured time of the body GEMMs: nearest row of 2,048 tokens, scaled by operations [ms]."""
    query = model.heads * model.head_dim // PACKAGES
    key_value = 2 * model.kv_heads * model.head_dim // PACKAGES
    width = model.intermediate // PACKAGES
    shapes = (
        (query + key_value, model.hidden),
        (model.hidden, query),
        (2 * width, model.hidden),
        (model.hidden, width),
    )
    rows = [
        row
        for row in gemm_rows(16)
        if row.chip == "H100-SXM5-80GB" and row.shape["M"] == str(TOKENS)
    ]
    total = 0.0
    for columns, depth in shapes:

        def distance(row: Row, columns: int = columns, depth: int = depth) -> float:
            return abs(math.log(int(row.shape["N"]) / columns)) + abs(
                math.log(int(row.shape["K"]) / depth)
            )

        row = min(rows, key=distance)
        scale = columns * depth / (int(row.shape["N"]) * int(row.shape["K"]))
        total += seconds(row) * scale
    return 1e3 * layers * total


def _measured_reduce(size: float) -> list[float]:
    """Measured all-reduces over eight H100s of exactly this many bytes [s]."""
    found = []
    for row in collective_rows():
        count = float(row.shape.get("bytes", 2.0 * float(row.shape.get("elements", 0))))
        if row.chip == "H100-SXM5-80GB" and row.chips == PACKAGES and count == size:
            found.append(seconds(row))
    return found


SHOW = Show("H100, Llama-3.1-70B, tensor parallel 8, bf16", measure)
