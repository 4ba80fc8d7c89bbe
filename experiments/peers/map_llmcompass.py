"""LLMCompass's fastest mapping of a GEMM, or its latency of a given one; run by its interpreter.

``python map_llmcompass.py FILE M K N CHECKOUT [MAPPING]`` prints one JSON object. MAPPING is JSON:
``{"order": "nmk", "block": [m, n, k]}``, the tiles of a core's SRAM in loop order; or a list of
such, for a list of answers, null where LLMCompass asks a SCALE-Sim that it cannot run. The search
is the one that LLMCompass has for accelerators whose global buffer is their memory.
"""

import configparser
import contextlib
import json
import os
import sys
import time
from typing import Any

from run_llmcompass import revision  # type: ignore[import-not-found]

SEARCH = "heuristic-TPU-new"


def main(
    path: str,
    rows: int,
    depth: int,
    columns: int,
    checkout: str,
    mapping: dict[str, Any] | None = None,
) -> dict[str, object]:
    """Cycles of [rows, depth] x [depth, columns] on one device and the mapping."""
    sys.path.insert(0, checkout)
    os.chdir(checkout)
    import torch
    from design_space_exploration.dse import read_architecture_template, template_to_system
    from software_model.matmul import Matmul
    from software_model.utils import Tensor, data_type_dict

    torch.set_num_threads(1)
    specs = read_architecture_template(path)
    device = template_to_system(specs).device
    name = specs["device"]["compute_chiplet"]["core"]["systolic_array"]["data_type"]
    data_type = data_type_dict[name]
    matmul = Matmul(data_type)
    matmul(Tensor([rows, depth], data_type), Tensor([depth, columns], data_type))
    begin = time.process_time(), time.perf_counter()
    if mapping:
        tile = mapping["block"]
        chosen = matmul.Mapping(rows, columns, depth, True, *tile, "knm", mapping["order"], 1, 1, 1)
        cycles = matmul.simulate(matmul.computational_graph, chosen, device)
    else:
        matmul.compile_and_simulate(device, SEARCH)
        cycles, chosen = matmul.best_cycle_count, matmul.best_mapping
    spent = time.process_time() - begin[0], time.perf_counter() - begin[1]
    return {
        "peer": "LLMCompass",
        "version": revision(checkout),
        "gemm": [rows, depth, columns],
        "cycles": float(cycles),
        "cpu_s": spent[0],
        "wall_s": spent[1],
        "mapping": {
            "order": chosen.l1_loop_order,
            "block": [int(chosen.l1_tile_M), int(chosen.l1_tile_N), int(chosen.l1_tile_K)],
        },
    }


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        rows, depth, columns = (int(size) for size in sys.argv[2:5])
        path, checkout = os.path.abspath(sys.argv[1]), sys.argv[5]
        wanted = json.loads(sys.argv[6]) if len(sys.argv) > 6 else None
        answer: Any
        if isinstance(wanted, list):
            answer = []
            for one in wanted:
                try:
                    answer.append(main(path, rows, depth, columns, checkout, one))
                except configparser.Error:
                    answer.append(None)
        else:
            answer = main(path, rows, depth, columns, checkout, wanted)
    print(json.dumps(answer))
