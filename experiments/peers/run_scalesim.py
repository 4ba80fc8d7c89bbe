"""One GEMM on an exported SCALE-Sim configuration; run by the interpreter that has SCALE-Sim.

``python run_scalesim.py knee.scalesim.cfg M K N`` prints one JSON object.
"""

import configparser
import contextlib
import json
import os
import sys
import tempfile
import time
from importlib import metadata

LAYOUT_COLUMNS = 19


def main(path: str, rows: int, depth: int, columns: int) -> dict[str, object]:
    """Cycles of [rows, depth] x [depth, columns] on one array, stalls included."""
    from scalesim.scale_sim import scalesim

    begin = time.perf_counter()
    config = configparser.ConfigParser()
    config.read(path)
    array = config["architecture_presets"]
    size = int(array["ArrayHeight"]) * int(array["ArrayWidth"])
    with tempfile.TemporaryDirectory() as folder:
        topology, layout = (os.path.join(folder, name) for name in ("gemm.csv", "layout.csv"))
        with open(topology, "w", encoding="utf-8") as file:
            file.write(f"Layer,M,N,K,\nGEMM,{rows},{columns},{depth},\n")
        with open(layout, "w", encoding="utf-8") as file:
            head = ",".join(f"column{number}" for number in range(LAYOUT_COLUMNS))
            file.write(f"Layer,{head},\nGEMM,{','.join(['1'] * LAYOUT_COLUMNS)},\n")
        simulator = scalesim(
            save_disk_space=True,
            verbose=False,
            config=path,
            topology=topology,
            layout=layout,
            input_type_gemm=True,
        )
        simulator.run_scale(top_path=folder)
        layer = simulator.runner.single_layer_sim_object_list[0]
        _, cycles, stalls, _, mapped, _ = (float(item) for item in layer.get_compute_report_items())
    return {
        "peer": "SCALE-Sim",
        "version": metadata.version("scalesim"),
        "gemm": [rows, depth, columns],
        "cycles": cycles,
        "energy_J": None,
        "utilisation": rows * depth * columns / (cycles * size),
        "parts": {"stall_cycles": stalls, "mapping_efficiency": mapped / 100.0},
        "assumptions": ["weights load before rows stream, fold by fold", "one-byte words"],
        "wall_s": time.perf_counter() - begin,
    }


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answer = main(sys.argv[1], *(int(size) for size in sys.argv[2:5]))
    print(json.dumps(answer))
