"""Published attention kernels, predicted with the best-mapping software record.

Nothing here was fitted: that record holds assumed values. FlashAttention-3's forward pass is
arXiv:2407.08608, figure 5 (H100 SXM5, fp16, head dimension 128, causal, 16,384 tokens in all);
FlashMLA's figures are those of its README (H800 SXM5, whose compute and memory are the H100's).
"""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest
import torch

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.numerics import relax as relaxed
from costmodel.physics.clock import clock_frequency
from costmodel.timing.attention import AttentionShape, AttentionWork, attention_work
from costmodel.timing.resources import Resources, compute_die, package_resources

TERA = 1e12


@cache
def h100() -> Resources:
    technology = load_technology()
    pool = load_chip("h100", technology).designs.pools[0]
    row = torch.tensor(technology.row("format", "fp16"))
    pool = dataclasses.replace(
        pool,
        software=torch.tensor(technology.row("software", "simt_optimal")),
        deployment=dataclasses.replace(pool.deployment, format=row),
    )
    clock = clock_frequency(technology, compute_die(pool))
    return package_resources(technology, pool, clock, torch.zeros_like(clock))


def run(*leaves: float) -> tuple[AttentionWork, float]:
    """Work and latency [s]."""
    r = h100()
    shape = AttentionShape(*(torch.tensor([[[float(x)]]], dtype=torch.float64) for x in leaves))
    work = attention_work(shape, r, on_chip=False)
    parts = (work.array_time, work.vector_time, work.port_time, work.memory_time)
    busy = relaxed.overlap(torch.stack(torch.broadcast_tensors(*parts), -1), r.overlap)
    return work, float(busy + r.launch)


@pytest.mark.parametrize(
    ("sequences", "tokens", "published", "tolerance"),
    [
        (1, 16384, 616, 0.10), (2, 8192, 602, 0.10), (4, 4096, 579, 0.10), (8, 2048, 521, 0.10),
        (16, 1024, 423, 0.20), (32, 512, 292, 0.35),
    ],
)  # fmt: skip
def test_flash_attention_3(sequences, tokens, published, tolerance):
    heads, width = 16, 128
    pairs = tokens * (tokens + 1) / 2
    _, seconds = run(sequences * heads, tokens, tokens, width, width, tokens, 0, 0, pairs)
    # The paper counts half of all scores.
    found = 4 * sequences * heads * width * tokens * tokens / 2 / seconds / TERA
    assert found == pytest.approx(published, rel=tolerance)


def test_flash_mla_bound_by_compute():
    """660 TFLOP/s: 128 heads, two queries a sequence, latent keys of 576 and values of 512."""
    sequences, heads, context, queries = 128, 128, 8192, 2
    pairs = heads * (queries * context - 1)
    work, seconds = run(sequences, queries * heads, context, 576, 512, queries, 0, 1, pairs)
    assert 2 * float(work.macs) / seconds / TERA == pytest.approx(660, rel=0.15)


def test_flash_mla_bound_by_memory():
    """3,000 GB/s with 16 heads on a device."""
    sequences, heads, context = 128, 16, 8192
    work, seconds = run(sequences, heads, context, 576, 512, 1, 0, 1, heads * context)
    assert float(work.memory_bytes[1]) == sequences * context * 576 * 2
    assert float(work.memory_bytes[1]) / seconds / TERA == pytest.approx(3.0, rel=0.1)
