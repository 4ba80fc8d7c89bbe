"""`gemm_time` and the walk of a whole GEMM, on the same random machines and mappings."""

from __future__ import annotations

import random

from costmodel.timing.gemm import gemm_time
from costmodel.timing.mapping import ORDERS, Mapping
from costmodel.timing.resources import TILE_SHARE
from tests.costmodel.timing.machines import machine
from tests.oracles.gemm_walk import Machine, Tiling, gemm_seconds
from tests.oracles.tile_walk import Case
from tests.oracles.wave_compare import product_of, scalar

FLOWS = ({"weight_stationary": 1.0}, {"weight_stationary": 0.0},
         {"weight_stationary": 0.0, "input_stationary": 1.0},
         {"weight_stationary": 0.0, "instruction_depth": 16.0})  # fmt: skip


def draw_machine(generator: random.Random) -> Machine:
    """Values that differ from those of the test machine."""
    pick = generator.choice
    changes = {
        "cores": float(pick((1, 2, 4, 7, 24))),
        "rows": float(pick((4, 8, 16))),
        "columns": float(pick((4, 8, 16))),
        "arrays": float(pick((1, 2, 4))),
        "rate": float(pick((1, 2, 4))),
        "hidden_fill": pick((0.0, 0.5, 0.9, 1.0)),
        "port_width": float(pick((16, 64, 256))),
        "lanes": float(pick((64, 1536))),
        "l2": pick((2e3, 1e4, 1e6)),
        "memory_bandwidth": pick((1e10, 1e11, 1e12)),
        "has_memory": pick((0.0, 1.0, 1.0, 1.0)),
        "element_bytes": pick((0.5, 1.0, 2.0)),
        "array_efficiency": pick((0.7, 1.0)),
        "overlap": pick((1.0, 3.0, 8.0, float("inf"))),
        "prefetch": pick((0.0, 0.4, 1.0)),
        "write_turnaround": pick((0.0, 0.2)),
        "burst": float(pick((1, 32, 64))),
    }
    return changes | pick(FLOWS)


def draw_case(generator: random.Random, number: int) -> tuple[Case, Tiling]:
    """A GEMM of a few hundred blocks at most, its tiles not always divisors of its blocks."""
    block = {d: generator.choice((3, 8, 16, 24, 40)) for d in "mnk"}
    size = {d: generator.randint(1, block[d] * generator.choice((1, 2, 3, 4, 5))) for d in "mnk"}
    case = Case(size, block, ORDERS[number % 6], (number // 6) % 8)
    tiling = Tiling(
        rows=generator.randint(1, block["m"]),
        columns=generator.randint(1, block["n"]),
        pieces=generator.choice((1, 1, 2, 3)),
    )
    return case, tiling


def largest_error(count: int, seed: int) -> float:
    """Largest relative error of `gemm_time`."""
    generator = random.Random(seed)
    worst = 0.0
    for number in range(count):
        changes = draw_machine(generator)
        case, tiling = draw_case(generator, number)
        resources = machine(**changes)
        values = {name: float(value.item()) for name, value in vars(resources).items()}
        on_chip = generator.random() < 0.5
        right = gemm_seconds(values, case, tiling, on_chip, TILE_SHARE)
        mapping = Mapping(
            rows=scalar(tiling.rows),
            columns=scalar(tiling.columns),
            pieces=scalar(tiling.pieces),
            block_rows=scalar(case.block["m"]),
            block_columns=scalar(case.block["n"]),
            block_depth=scalar(case.block["k"]),
            order=scalar(ORDERS.index(case.order)),
            hold=scalar(case.hold),
        )
        found = gemm_time(product_of(case.size), resources, mapping, on_chip).item()
        worst = max(worst, abs(found - right) / right)
    return worst
