"""More hardware never makes the best mapping slower, over thousands of pairs of designs.

For a GEMM it is shown as it is proved: on the larger machine the mapping chosen for the smaller one
still fits and is no slower, so the best one is no slower either. The mapper looks its mapping up
anew and may miss the best by its regret; how often and by how much is printed beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from costmodel.hardware.system import Pool
from costmodel.numerics.interval import SLACK
from costmodel.timing.gemm import gemm_time, l1_need, l2_need
from costmodel.timing.mapped import Mapped
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import TILE_SHARE, Resources
from experiments.benchmarks.steps import (
    PARTS,
    changed,
    leaf,
    map_pool,
    operators_of,
    random_pool,
    resources_of,
)
from experiments.shows.harness import Line, Show
from search.pricing import CostModel
from search.reading import load
from search.resolve import resolve

ROOT = Path(__file__).resolve().parents[2]
PAIRS = 1000
"""Of each part of the hardware."""
BATCH = 250
GROWTH = (1.02, 1.1, 1.5, 2.0, 4.0)
CHOSEN_LIMIT = 0.01
"""What the mapper's choice may lose against the best mapping, by the show about it."""
WHOLE = ("cores", "vector lanes")


@dataclass(frozen=True)
class Compared:
    """Time lost by more hardware, as shares; negative where something got faster."""

    same: Tensor  # GEMMs that keep their mapping [n]
    unfit: int  # mappings that no longer fit
    others: Tensor  # attention, vector operators and collectives [n]
    chosen: Tensor  # GEMMs as the mapper chooses anew [n]
    steps: Tensor  # whole steps, mapper's choice [n]


def measure() -> Iterator[Line]:
    """Pairs of designs that differ in one part of the hardware, one part at a time."""
    torch.set_num_threads(1)
    model = resolve(load(ROOT / "experiments" / "quickstart.yaml")).model
    everything = []
    for number, part in enumerate(PARTS):
        found = [
            compare(model, *pairs(model, part, seed=1000 * number + start))
            for start in range(0, PAIRS, BATCH)
        ]
        everything += found
        slower, total, worst = counted(found, "same", "others")
        unfit = sum(item.unfit for item in found)
        steps = torch.cat([item.steps for item in found])
        yield Line(
            f"more {part}: best mapping slower",
            "0",
            f"{slower} of {total:,} operators, {unfit} mappings stop fitting; steps: "
            f"{float((steps < -SLACK).double().mean()):.0%} faster",
            slower == 0 and unfit == 0,
        )
    slower, total, worst = counted(everything, "same", "others")
    yield Line(
        "best mapping slower, all parts",
        "0",
        f"{slower} of {total:,} operators (largest change {worst:+.1e})",
        slower == 0,
    )
    slower, total, worst = counted(everything, "chosen")
    yield Line(
        "GEMM slower as the mapper chooses anew",
        f"explained, at most {CHOSEN_LIMIT:.0%}",
        f"{slower} of {total:,}, worst {worst:+.2%}: its look-up missed the best mapping there",
        worst <= CHOSEN_LIMIT,
    )
    slower, total, worst = counted(everything, "steps")
    yield Line(
        "whole step slower as the mapper chooses anew",
        f"explained, at most {CHOSEN_LIMIT:.0%}",
        f"{slower} of {total:,}, worst {worst:+.2%}",
        worst <= CHOSEN_LIMIT,
    )


def counted(found: list[Compared], *names: str) -> tuple[int, int, float]:
    """How many got slower, of how many, and the largest change."""
    loss = torch.cat([getattr(item, name) for item in found for name in names])
    return int((loss > SLACK).sum()), loss.numel(), float(loss.max())


def pairs(model: CostModel, part: str, seed: int) -> tuple[Pool, Pool]:
    """Random designs and the same ones with more of one part."""
    before = random_pool(model, BATCH, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    growth = torch.tensor(GROWTH, dtype=torch.float64)
    factor = growth[torch.randint(len(GROWTH), (BATCH,), generator=generator)]
    new = leaf(before, part) * factor
    return before, changed(before, part, torch.ceil(new) if part in WHOLE else new)


def compare(model: CostModel, before: Pool, after: Pool) -> Compared:
    """Operators of both designs, one by one."""
    first, second = map_pool(model, before), map_pool(model, after)
    product = products(model, before, first)
    old, new = resources_of(model, before), resources_of(model, after)
    assert first.products is not None
    mapping = first.products.mapping
    kept = gemm_time(product, new, mapping) / gemm_time(product, old, mapping) - 1.0
    unfit = fits(product, old, mapping) & ~fits(product, new, mapping)
    gemms = product.rows.shape[-1]
    run = (first.count > 0) & (first.latency > 0)
    loss = torch.where(run, second.latency / first.latency - 1.0, torch.zeros_like(first.latency))
    return Compared(
        same=kept.flatten(),
        unfit=int(unfit.sum()),
        others=loss[..., gemms:].flatten(),
        chosen=loss[..., :gemms].flatten(),
        steps=(second.step / first.step - 1.0).flatten(),
    )


def products(model: CostModel, pool: Pool, mapped: Mapped) -> Product:
    """GEMMs of every design ``[B,P,G]``."""
    operators = operators_of(model, pool)
    where, lead = operators.index("gemm"), mapped.count.shape[:-1]
    rows, columns, depth = (
        item[..., where].expand(*lead, where.stop - where.start)
        for item in (operators.rows, operators.columns, operators.depth)
    )
    return Product(rows, columns, depth)


def fits(product: Product, resources: Resources, mapping: Mapping) -> Tensor:
    """Whether tiles fit the scratchpad and blocks their half of the shared SRAM."""
    tile = l1_need(product, resources, mapping.rows, mapping.columns)
    block = l2_need(product, resources, mapping)
    return (tile <= resources.l1) & (block <= TILE_SHARE * resources.l2)


SHOW = Show("more hardware is never slower", measure)
