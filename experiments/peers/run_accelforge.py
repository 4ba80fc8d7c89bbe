"""One GEMM on an exported AccelForge architecture; run by the interpreter that has AccelForge.

``python run_accelforge.py knee.accelforge.yaml M K N`` prints one JSON object.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
import warnings
from copy import deepcopy
from importlib import metadata
from math import prod
from typing import Any

from split import padded, split

COARSENESS = 2
"""Least ratio of neighbouring tile sizes: a finer lattice takes many minutes."""

WORKLOAD = """
workload:
  iteration_space_shape:
    m: 0 <= m < {rows}
    k: 0 <= k < {depth}
    n: 0 <= n < {columns}
  bits_per_value: {{All: {bits}}}
  einsums:
  - name: Gemm
    tensor_accesses:
    - {{name: A, projection: [m, k]}}
    - {{name: W, projection: [k, n]}}
    - {{name: C, projection: [m, n], output: True}}
    renames: {{weight: W, input: A, output: C}}
"""


def main(path: str, rows: int, depth: int, columns: int) -> dict[str, object]:
    """Latency and energy of [rows, depth] x [depth, columns] under its best mapping."""
    import accelforge
    from accelforge.mapper.FFM.main import map_workload_to_arch
    from accelforge.model.main import evaluate_mapping

    begin = time.perf_counter()
    spec = accelforge.Spec.from_yaml(path)
    fanouts = {
        spatial.name: int(spatial.fanout)
        for node in spec.arch.nodes
        for spatial in getattr(node, "spatial", [])
    }
    width = fanouts["array"] * fanouts["columns"]
    down, across = split(fanouts["core"], rows, columns, width)
    rows_run, columns_run = padded(rows, down), padded(columns, across * width)
    depth_run = padded(depth, fanouts["rows"])
    workload = WORKLOAD.format(
        rows=rows_run, depth=depth_run, columns=columns_run, bits=register_bits(path)
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open("gemm.yaml", "w", encoding="utf-8") as file:
            file.write(workload)
        spec = accelforge.Spec.from_yaml(path, "gemm.yaml")
        spec.mapper.metrics = accelforge.mapper.Metrics.ENERGY_DELAY_PRODUCT
        spec.mapper.tiling_coarseness = COARSENESS
        share_out(spec, down, across)
        mappings = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False)
        chosen = mappings.data.iloc[0]["Total<SEP>mapping"](_for_model=True)
        detailed = deepcopy(spec)
        detailed.model.metrics = detailed.mapper.info_metrics
        detailed.mapping = chosen
        result = evaluate_mapping(
            detailed,
            flattened_arches=mappings.flattened_arches,
            evaluated_specs=mappings.evaluated_specs,
        )
    seconds, clock = float(result.latency()), clock_of(spec)
    macs, lanes = rows * depth * columns, prod(fanouts.values())
    energies = result.energy(per_component=True)
    times = result.latency(per_component=True)
    return {
        "peer": "AccelForge",
        "version": metadata.version("accelforge"),
        "gemm": [rows, depth, columns],
        "seconds": seconds,
        "cycles": seconds * clock,
        "energy_J": float(result.energy()),
        "utilisation": macs / (lanes * clock * seconds),
        "parts": {
            "energy_J": {str(name): float(value) for name, value in energies.items()},
            "seconds": {str(name): float(value) for name, value in times.items()},
        },
        "assumptions": [
            "the mapping of least energy x time; parts overlap perfectly",
            f"cores split {down} x {across} over rows and columns of the result",
            f"loops divide evenly: run as {rows_run} x {depth_run} x {columns_run}",
            f"neighbouring tile sizes at least {COARSENESS} apart",
        ],
        "wall_s": time.perf_counter() - begin,
    }


def register_bits(path: str) -> int:
    """Width of an element, from the register of a multiplier."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return int(text.split("name: Register")[1].split("size:")[1].split()[0])


def share_out(spec: Any, down: int, across: int) -> None:
    """Split the result over cores and its columns over arrays, which prunes the search."""
    from accelforge.frontend.arch.constraints import Comparison
    from accelforge.util._basetypes import EvalableList

    bounds = {"core": {"m": down, "n": across, "k": 1}, "array": {"m": 1, "k": 1}}
    for node in spec.arch.nodes:
        for spatial in getattr(node, "spatial", []):
            if spatial.name in bounds:
                spatial.min_usage = 1
                spatial.loop_bounds = EvalableList(
                    Comparison(expression=name, operator="==", value=value)
                    for name, value in bounds[spatial.name].items()
                )


def clock_of(spec: Any) -> float:
    """Multiply-accumulates of one element a second."""
    return float(spec.arch.nodes[-1].actions[0].throughput)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        answer = main(os.path.abspath(sys.argv[1]), *(int(size) for size in sys.argv[2:5]))
    print(json.dumps(answer))
