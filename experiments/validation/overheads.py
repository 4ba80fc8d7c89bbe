"""Predict what a machine class's overheads decide: areas of known dies, watts at stated work.

A chip at its power limit lowers clock and voltage until it fits. Its clock then follows from the
rate that was measured: engines reach `FILLED` of the peak at the clock they run at.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from costmodel.hardware.catalog import Chip, load_chip
from costmodel.hardware.system import Pool, map_leaves
from costmodel.hardware.technology import Technology
from costmodel.physics.area import DieArea, package_areas
from costmodel.physics.clock import clock_frequency, package_clocks
from costmodel.physics.energy import operator_energy
from costmodel.physics.power import package_power
from costmodel.physics.thermal import Thermal, solve
from costmodel.timing.mapped import Mapped
from costmodel.timing.mapping import Product
from costmodel.timing.pipeline import map_operators
from costmodel.timing.products import map_products
from costmodel.timing.resources import package_resources
from costmodel.timing.tables import build_tables
from costmodel.workload.loading import load_workload
from experiments.validation.rows import Row, read

FILLED = 0.94
"""Array throughput of the best GEMMs over the peak at their own clock (AMD, Measuring
Max-Achievable FLOPs, part 2, 2025: up to 94 %). Applied to every chip (assumed); it puts the A100
at 1.304 GHz for 271 TFLOP/s, where NVIDIA states 1.305 GHz for HPL at its power limit."""
PROMPT = 300
"""Prompt of the chat requests; ML.ENERGY does not record it (assumed) [token]."""
LONG_KERNEL = 2e-4
"""Shorter kernels end before a board's power sensor has settled [s]."""
NAMES = {
    "A100-SXM4-80GB": "a100",
    "H100-SXM5-80GB": "h100",
    "H200-SXM5-141GB": "h200",
    "MI300X": "mi300x",
}
TABLES = build_tables()


@dataclass(frozen=True)
class Watts:
    """Board power of one set of measurements."""

    name: str
    group: str  # chips that share a die are left out together
    measured: Tensor  # [N] [W]
    predicted: Tensor  # [N] [W]
    fitted: bool = True  # takes part in fits that do not leave its group out

    @property
    def errors(self) -> Tensor:
        """Relative errors [N]."""
        return self.predicted / self.measured - 1.0


def number(value: float) -> Tensor:
    """A leaf of a record of batch ()."""
    return torch.tensor(value, dtype=torch.float64)


@lru_cache(maxsize=32)
def known_chip(name: str) -> Chip:
    """A shipped chip; its record does not depend on overheads."""
    return load_chip(name)


def known_pool(name: str) -> Pool:
    """The pool of a shipped chip."""
    return known_chip(name).designs.pools[0]


def known_area(name: str) -> float:
    """Published area of the compute die of a shipped chip [m2]."""
    return known_chip(name).facts["die_area"].value


def die_areas(name: str, technology: Technology) -> DieArea:
    """Areas of the compute die of a shipped chip."""
    return package_areas(technology, known_pool(name).package)[0]


def mi210_area(technology: Technology) -> DieArea:
    """MI210, as its data sheet and LLMCompass describe it: shown, never fitted."""
    package = known_pool("a100").package
    die = dataclasses.replace(
        package.dies[0],
        node=torch.tensor(technology.row("node", "n6")),
        array_columns=number(8),  # 128 multiply-accumulates a matrix core and cycle
        cores_built=number(112),
        cores_enabled=number(104),
        vector_lanes=number(128),
        rate_int8=number(1),
        l1_bytes=number(80 * 1024),
        l2_bytes=number(8 * 2**20),
    )
    memory = (dataclasses.replace(package.memory[0], stacks=number(4)),)
    links = dataclasses.replace(
        package.network[0],
        kind=torch.tensor(technology.row("link", "infinity_fabric")),
        links=number(3),
        link_bandwidth=number(64e9),
    )
    changed = dataclasses.replace(package, dies=(die,), memory=memory, network=(links,))
    return package_areas(technology, changed)[0]


def at_clock(pool: Pool, technology: Technology, clock: Tensor) -> Pool:
    """The pool with both rails where its compute dies run at a clock ``[N]``."""
    die = pool.package.dies[0]
    low = technology.at("node", "voltage_min", die.node).expand(clock.shape)
    high = technology.at("node", "voltage_max", die.node).expand(clock.shape)
    floor = technology.constant("sram_voltage_min")
    for _ in range(60):
        middle = 0.5 * (low + high)
        rail = torch.maximum(middle, floor)
        trial = dataclasses.replace(die, voltage_logic=middle, voltage_sram=rail)
        slow = clock_frequency(technology, trial) < clock
        low, high = torch.where(slow, middle, low), torch.where(slow, high, middle)
    dies = (
        dataclasses.replace(die, voltage_logic=high, voltage_sram=torch.maximum(high, floor)),
        *pool.package.dies[1:],
    )
    return dataclasses.replace(pool, package=dataclasses.replace(pool.package, dies=dies))


def with_format(pool: Pool, technology: Technology, name: str) -> Pool:
    """The pool set to a number format."""
    row = torch.tensor(technology.row("format", name))
    return dataclasses.replace(pool, deployment=dataclasses.replace(pool.deployment, format=row))


def board_power(
    pool: Pool, technology: Technology, mapped: Mapped, step: Tensor
) -> tuple[Tensor, Thermal]:
    """Power at the board's input ``[N,P]`` [W]: regulators on the board lose their share."""
    areas = package_areas(technology, pool.package)
    energy = operator_energy(technology, pool, mapped, areas)
    clocks = package_clocks(technology, pool.package)
    power = package_power(technology, pool, mapped, energy, areas, clocks, step)
    thermal = solve(technology, pool, power, areas)
    return thermal.power / technology.constant("regulator_efficiency"), thermal


def gemm_mapped(
    pool: Pool, technology: Technology, shapes: list[tuple[float, float, float]], step: Tensor
) -> Mapped:
    """One matrix product a design ``[N,1,1]``, operands cold, at a measured latency ``[N]``."""
    clock = clock_frequency(technology, pool.package.dies[0]).expand(step.shape)
    wide = map_leaves(pool, lambda leaf: leaf.expand(step.shape))
    resources = package_resources(technology, wide, clock, torch.zeros_like(clock))
    m, n, k = (
        torch.tensor([shape[axis] for shape in shapes], dtype=torch.float64).reshape(-1, 1, 1)
        for axis in range(3)
    )
    product = Product(m, n, k)
    work = map_products(product, resources, TABLES, on_chip=False).work
    zero, one = torch.zeros_like(m), torch.ones_like(m)

    def operands(parts: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        activation, weight, output = parts
        return torch.stack(torch.broadcast_tensors(activation, weight, zero, output), -1)

    levels = [operands(work.l1_bytes), operands(work.l2_bytes), operands(work.memory_bytes)]
    times = (work.array_time, work.vector_time, work.port_time, work.memory_time, zero, zero)
    return Mapped(
        operators=("gemm",),
        kinds=("gemm",),
        points=("kernel",),
        phases=("prefill",),
        count=one,
        latency=step.reshape(-1, 1, 1),
        time=torch.stack(torch.broadcast_tensors(*times), -1),
        bytes=torch.stack(levels, -2),
        macs=m * n * k,
        array_cycles=work.array_cycles,
        vector_operations=work.vector_operations,
        network_bytes=zero,
        tile={},
        tile_fits=torch.zeros(()),
        mappings=0,
    )


def gemm_watts(
    name: str,
    technology: Technology,
    shapes: list[tuple[float, float, float]],
    rate: Tensor,
    limited: Tensor,
) -> Tensor:
    """Board power ``[N]`` of matrix products at a measured rate [FLOP/s]."""
    pool = with_format(known_pool(name), technology, "bf16")
    die = pool.package.dies[0]
    nominal = clock_frequency(technology, die)
    elements = die.array_rows * die.array_columns * die.arrays_per_core * die.rate_bf16
    peak = 2.0 * elements * die.cores_enabled * die.count  # FLOP per cycle
    clock = torch.where(limited, torch.minimum(rate / (FILLED * peak), nominal), nominal)
    work = torch.tensor([2.0 * m * n * k for m, n, k in shapes], dtype=torch.float64)
    step = work / rate
    slowed = at_clock(pool, technology, clock)
    mapped = gemm_mapped(slowed, technology, shapes, step)
    return board_power(slowed, technology, mapped, step.unsqueeze(-1))[0].squeeze(-1)


def shape_of(row: Row) -> tuple[float, float, float]:
    """M, N, K of a row."""
    return float(row.shape["M"]), float(row.shape["N"]), float(row.shape["K"])


def best_gemm(technology: Technology, chip: str, limit: float, group: str) -> Watts:
    """A chip's best bf16 matrix product, which holds it at its power limit."""
    row = next(
        item
        for item in read("gemm")
        if item.metric == "max_achievable_tflops" and item.chip == chip and item.precision == "bf16"
    )
    rate = torch.tensor([row.value * 1e12], dtype=torch.float64)
    limited = torch.tensor([True])
    found = gemm_watts(NAMES[chip], technology, [shape_of(row)], rate, limited)
    measured = torch.tensor([limit], dtype=torch.float64)
    return Watts(f"{NAMES[chip]} best bf16 GEMM", group, measured, found)


def looped_gemms(technology: Technology) -> tuple[Watts, ...]:
    """H200 looping one matrix product, latency measured too: at its limit, below it, short ones.

    Below the limit the clock is not known: the nominal one is taken, as far as the limit lets it.
    """
    times = {
        (row.chip, row.precision, shape_of(row)): row.value * 1e-3
        for row in read("gemm")
        if row.metric == "latency" and row.unit == "ms" and "aiconfigurator" in row.source
    }
    rows = [
        (row, times[row.chip, row.precision, shape_of(row)])
        for row in read("power")
        if row.model == "gemm-kernel" and (row.chip, row.precision, shape_of(row)) in times
    ]
    limit = 700.0
    sets: dict[str, list[tuple[Row, float]]] = {"at its limit": [], "below it": [], "short": []}
    for row, time in rows:
        held = "at its limit" if row.value > 0.95 * limit else "below it"
        sets[held if time >= LONG_KERNEL else "short"].append((row, time))
    watts = []
    for title, chosen in sets.items():
        shapes = [shape_of(row) for row, _ in chosen]
        rate = torch.tensor(
            [2.0 * m * n * k / time for (m, n, k), (_, time) in zip(shapes, chosen, strict=True)],
            dtype=torch.float64,
        )
        limited = title == "at its limit"
        flags = torch.full((len(chosen),), limited)
        found = gemm_watts("h200", technology, shapes, rate, flags)
        watts.append(
            Watts(
                f"h200 bf16 GEMMs {title}",
                "hopper",
                torch.tensor([row.value for row, _ in chosen], dtype=torch.float64),
                found if limited else found.clamp_max(limit),
                fitted=limited,
            )
        )
    return tuple(watts)


def chat(technology: Technology, model: str, shipped: str) -> Watts:
    """H100 serving chat at tensor parallelism 4: decode at the measured time between tokens."""

    def rows(name: str, metric: str) -> dict[str, Row]:
        return {
            row.batch: row
            for row in read(name)
            if row.metric == metric and row.model == model and row.parallelism.startswith("TP4")
        }

    power, times = rows("power", "gpu_power_total"), rows("decode", "itl_median")
    keys = sorted(set(power) & set(times), key=float)
    batch = torch.tensor([round(float(key)) for key in keys], dtype=torch.float64)
    step = torch.tensor([times[key].value * 1e-3 for key in keys], dtype=torch.float64)
    pool = with_format(known_pool("h100"), technology, "bf16")
    deployment = dataclasses.replace(
        pool.deployment, tensor_parallel=torch.full_like(batch, 4.0), batch=batch
    )
    pool = dataclasses.replace(pool, deployment=deployment)
    pool = map_leaves(pool, lambda leaf: leaf.expand(batch.shape))
    answer = 350
    workload = load_workload(
        shipped,
        {
            "schema_version": 1,
            "title": "chat",
            "requests": [
                {
                    "name": "chat",
                    "weight": 1.0,
                    "new_tokens": PROMPT,
                    "cached_tokens": 0,
                    "generated_tokens": answer,
                    "decode_context": PROMPT + answer // 2,
                }
            ],
        },
    )
    clock = clock_frequency(technology, pool.package.dies[0])
    resources = package_resources(technology, pool, clock, torch.zeros_like(clock))
    width = technology.at("format", "bytes", pool.deployment.format)
    operators = workload.operators(pool.deployment, width, "decode", 0.0)
    mapped = map_operators(operators, pool, resources, technology, TABLES)
    watts = board_power(pool, technology, mapped, step.unsqueeze(-1))[0].squeeze(-1)
    measured = torch.tensor([power[key].value / power[key].chips for key in keys])
    return Watts(f"h100 {shipped} chat", "hopper", measured.double(), watts)


def all_watts(technology: Technology) -> list[Watts]:
    """Every set of power measurements of SIMT machines."""
    return [
        best_gemm(technology, "A100-SXM4-80GB", 400.0, "a100"),
        *looped_gemms(technology),
        chat(technology, "meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        best_gemm(technology, "MI300X", 750.0, "mi300x"),
    ]
