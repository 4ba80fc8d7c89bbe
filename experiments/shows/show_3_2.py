"""The mapper against exhaustive enumeration on random machines and operators."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from costmodel.timing.gemm import gemm_time
from costmodel.timing.mapper import best_mappings, kernel_rows
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.tables import build_tables
from experiments.shows.harness import Line, Show
from tests.costmodel.timing.machines import machine
from tests.oracles.exhaustive import best_by_enumeration, sizes

PAIRS = 300
SEED = 7
OTHERS = 1000
"""Number of the first of as many pairs that nobody looked at while the mapper was built."""
CORES = 2
MEAN, MOST = 1e-3, 1e-2


@dataclass(frozen=True)
class Pair:
    """What one pair gave."""

    ours: float  # [s]
    best: float  # [s]
    combinations: float  # that the enumeration covers
    words: str


def draw(number: int) -> tuple[Product, dict[str, float]]:
    """A random product, and a machine around it, from starved to lavish."""
    rng = np.random.default_rng([SEED, number])
    edge = int(rng.choice([16, 32, 64, 128, 256]))
    cores = int(np.exp(rng.uniform(0.0, np.log(256.0))))

    def length(most: int) -> int:
        size = int(np.exp(rng.uniform(np.log(edge), np.log(edge * most))))
        return size if rng.random() < 0.3 else max(round(size / edge), 1) * edge

    shape = [int(np.exp(rng.uniform(0.0, np.log(12 * edge)))), length(32), length(32)]
    product = Product(*(torch.full((1, 1), float(size), dtype=torch.float64) for size in shape))
    width = float(rng.choice([1.0, 2.0]))
    return product, {
        "cores": float(cores),
        "clock": float(rng.uniform(0.7e9, 2.0e9)),
        "rows": float(edge),
        "columns": float(edge),
        "arrays": float(rng.choice([1, 2, 4])),
        "weight_stationary": float(rng.random() < 0.7),
        "hidden_fill": float(rng.choice([0.0, 0.9, 1.0])),
        "port_width": float(rng.choice([64.0, 128.0, 256.0])),
        "lanes": float(cores * rng.choice([64, 128, 512])),
        "l1": float(2.0 ** rng.uniform(17.0, 22.0)),
        "l2": float(2.0 ** rng.uniform(20.0, 28.0)),
        "memory_bandwidth": float(10.0 ** rng.uniform(11.0, 13.0)),
        "element_bytes": width,
        "array_efficiency": float(rng.uniform(0.8, 1.0)),
        "vector_efficiency": 0.7,
        "overlap": float(rng.choice([4.0, 8.0, 20.0])),
        "prefetch": float(rng.choice([0.0, 0.5])),
        "write_turnaround": float(rng.choice([0.0, 0.2])),
        "burst": 64.0,
    }


def compare(number: int) -> Pair:
    """One pair: the mapper's choice and the best there is, by the stored score."""
    torch.set_num_threads(1)
    product, values = draw(number)
    resources = machine(**values)
    chosen = best_mappings(product, resources, build_tables())
    ours = gemm_time(product, resources, chosen).item()
    row = kernel_rows(product, resources).reshape(-1).numpy().copy()
    _, found = best_by_enumeration(row, ours)
    best = ours
    if found[0] > 0:
        fields = (torch.full((1, 1), float(value), dtype=torch.float64) for value in found)
        best = min(ours, gemm_time(product, resources, Mapping(*fields)).item())
    edges = (int(values["rows"]), int(values["columns"]), int(values["rows"]))
    shape = [int(item.item()) for item in (product.rows, product.columns, product.depth)]
    counts = [len(sizes(size, edge)) for size, edge in zip(shape, edges, strict=True)]
    pieces = max(1.0, min(values["cores"], shape[2] / edges[2]))
    return Pair(
        ours=ours,
        best=best,
        combinations=48.0 * np.prod(counts) * counts[0] * counts[1] * pieces,
        words=f"{' x '.join(map(str, shape))} on {int(values['cores'])} cores of {edges[0]}",
    )


def measure() -> Iterator[Line]:
    """All pairs, in two processes."""
    start = time.perf_counter()
    with ProcessPoolExecutor(CORES) as pool:
        pairs = list(pool.map(compare, range(PAIRS), chunksize=4))
        seconds = time.perf_counter() - start
        others = list(pool.map(compare, range(OTHERS, OTHERS + PAIRS), chunksize=4))
    regret = np.array([pair.ours / pair.best - 1.0 for pair in pairs])
    every = sum(pair.combinations for pair in pairs)
    yield Line("random machines and products", "300", f"{len(pairs)}", len(pairs) >= PAIRS)
    yield Line("mappings that the enumeration covers", "", f"{every:.2g} in {seconds:,.0f} s")
    yield Line("mean regret", "Must 0.1 %", f"{regret.mean():.4%}", bool(regret.mean() <= MEAN))
    yield Line("largest regret", "Must 1 %", f"{regret.max():.3%}", bool(regret.max() <= MOST))
    exact = float((regret <= 1e-12).mean())
    yield Line("pairs where the mapper is not beaten", "Goal: all", f"{exact:.1%}")
    fresh = np.array([pair.ours / pair.best - 1.0 for pair in others])
    yield Line(
        "the same for pairs that were never looked at while the mapper was built",
        "",
        f"mean {fresh.mean():.4%}, largest {fresh.max():.3%}, above 1 %: {(fresh > MOST).sum()}",
    )
    for index in np.argsort(-regret)[:3]:
        if regret[index] > 0:
            yield Line(f"largest: {pairs[index].words}", "", f"{regret[index]:.3%}")


SHOW = Show("the mapper against exhaustive enumeration", measure)
