"""One GEMM on an exported ZigZag accelerator; run by the interpreter that has ZigZag.

``python run_zigzag.py knee.zigzag.yaml M K N`` prints one JSON object.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from importlib import metadata
from typing import Any

import yaml
from split import split


def main(path: str, rows: int, depth: int, columns: int) -> dict[str, object]:
    """Cycles and energy of [rows, depth] x [depth, columns] with the best temporal mapping."""
    from zigzag.api import get_hardware_performance_zigzag

    logging.disable(logging.WARNING)
    with open(path, encoding="utf-8") as file:
        accelerator = yaml.safe_load(file)
    height, width, arrays, cores = accelerator["operational_array"]["sizes"]
    down, across = split(cores, rows, columns, width * arrays)
    layer: dict[str, Any] = {
        "id": 0,
        "operator_type": "Gemm",
        "equation": "O[d0][d1]+=I[d0][d2]*W[d2][d1]",
        "dimension_relations": [],
        "loop_dims": ["D0", "D1", "D2"],
        "loop_sizes": [rows, columns, depth],
        "operand_precision": precision(accelerator),
        "operand_source": {"I": 0, "W": 0},
    }
    mapping = {
        "name": "default",
        "spatial_mapping": {
            "D1": [f"D2, {height}"],
            "D2": [f"D1, {width}"],
            "D3": [f"D1, {arrays}"],
            "D4": [f"D0, {down}", f"D1, {across}"],
        },
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        files = {"workload": [layer], "mapping": [mapping]}
        for name, content in files.items():
            with open(os.path.join(folder, f"{name}.yaml"), "w", encoding="utf-8") as file:
                yaml.safe_dump(content, file)
        with contextlib.redirect_stdout(sys.stderr):
            energy, cycles, results = get_hardware_performance_zigzag(
                workload=os.path.join(folder, "workload.yaml"),
                accelerator=path,
                mapping=os.path.join(folder, "mapping.yaml"),
                opt="latency",
                dump_folder=os.path.join(folder, "out"),
                loma_show_progress_bar=False,
            )
    best = results[0][1][0][0]
    return {
        "peer": "ZigZag",
        "version": metadata.version("zigzag-dse"),
        "gemm": [rows, depth, columns],
        "cycles": float(cycles),
        "energy_J": float(energy) * 1e-12,
        "utilisation": rows * depth * columns / (cycles * height * width * arrays * cores),
        "parts": {
            "ideal_cycles": float(best.ideal_cycle),
            "stall_cycles": float(best.latency_total0 - best.ideal_temporal_cycle),
            "mac_energy_J": float(best.mac_energy) * 1e-12,
            "memory_energy_J": {
                str(operand): [value * 1e-12 for value in values]
                for operand, values in best.mem_energy_breakdown.items()
            },
        },
        "assumptions": [
            f"cores split {down} x {across} over rows and columns of the result",
            "loads and stores double-buffered where the mapping leaves room",
        ],
        "wall_s": time.perf_counter() - begin,
    }


def precision(accelerator: dict[str, Any]) -> dict[str, int]:
    """Bits of operands: a register holds two weights; partial sums are 32 bits wide."""
    element = accelerator["memories"]["weights"]["size"] // 2
    return {"W": element, "I": element, "O": 32, "O_final": element}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *(int(size) for size in sys.argv[2:5]))))
