"""One GEMM on an exported GenZ system; run by the interpreter that has GenZ.

``python run_genz.py knee.genz.json M K N`` prints one JSON object.
"""

import contextlib
import json
import sys
import time
from importlib import metadata


def main(path: str, rows: int, depth: int, columns: int) -> dict[str, object]:
    """Roofline time of [rows, depth] x [depth, columns]."""
    from GenZ import System, Unit
    from GenZ.operators import FC

    begin = time.perf_counter()
    with open(path, encoding="utf-8") as file:
        system = System.from_json(file.read())
    kind = 0  # a fully connected layer
    layer = FC(["gemm", rows, columns, depth, 1, 1, 1, kind], density=(1.0, 1.0, 1.0))
    unit = Unit()
    found = layer.get_roofline(system, unit)
    seconds = unit.unit_to_raw(float(found["Latency (msec)"]), type="T")
    operations = 2.0 * rows * depth * columns
    peak = system.flops / system.get_bit_multiplier(type="C")
    return {
        "peer": "GenZ",
        "version": metadata.version("genz-llm"),
        "gemm": [rows, depth, columns],
        "seconds": seconds,
        "cycles": seconds * system.frequency,
        "energy_J": None,
        "utilisation": operations / (seconds * peak),
        "parts": {
            "compute_s": unit.unit_to_raw(float(found["Compute time (msec)"]), type="T"),
            "memory_s": unit.unit_to_raw(float(found["Memory time (msec)"]), type="T"),
            "bound": str(found["Bound"]),
        },
        "assumptions": ["the longer of compute and memory time, each byte once"],
        "wall_s": time.perf_counter() - begin,
    }


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answer = main(sys.argv[1], *(int(size) for size in sys.argv[2:5]))
    print(json.dumps(answer))
