"""One GEMM on an exported LLMCompass system, from a checkout of LLMCompass.

``python run_llmcompass.py knee.llmcompass.json M K N CHECKOUT`` prints one JSON object. The
interpreter needs what LLMCompass needs: torch, numpy, pandas, scipy and scalesim 2.
"""

import contextlib
import json
import os
import re
import sys
import time


def main(path: str, rows: int, depth: int, columns: int, checkout: str) -> dict[str, object]:
    """Roofline time of [rows, depth] x [depth, columns] on one device, by its own loader."""
    begin = time.perf_counter()
    sys.path.insert(0, checkout)
    os.chdir(checkout)
    from design_space_exploration.dse import read_architecture_template, template_to_system
    from software_model.matmul import Matmul
    from software_model.utils import Tensor, data_type_dict

    specs = read_architecture_template(path)
    system = template_to_system(specs)
    name = specs["device"]["compute_chiplet"]["core"]["systolic_array"]["data_type"]
    data_type = data_type_dict[name]
    matmul = Matmul(data_type)
    matmul(Tensor([rows, depth], data_type), Tensor([depth, columns], data_type))
    seconds = float(matmul.roofline_model(system.device))
    compute = system.device.compute_module
    array = compute.core.systolic_array
    lanes = compute.core_count * compute.core.systolic_array_count
    lanes *= array.array_height * array.array_width * array.mac_per_cycle
    clock = float(specs["device"]["frequency_Hz"])
    return {
        "peer": "LLMCompass",
        "version": revision(checkout),
        "gemm": [rows, depth, columns],
        "seconds": seconds,
        "cycles": seconds * clock,
        "energy_J": None,
        "utilisation": rows * depth * columns / (lanes * clock * seconds),
        "parts": {},
        "assumptions": ["its roofline of operations, memory and shared buffer"],
        "wall_s": time.perf_counter() - begin,
    }


def revision(checkout: str) -> str:
    """Commit of a checkout; empty when it is none."""
    with contextlib.suppress(OSError):
        with open(os.path.join(checkout, ".git", "HEAD"), encoding="utf-8") as file:
            head = file.read().strip()
        if match := re.fullmatch(r"ref: (.*)", head):
            with open(os.path.join(checkout, ".git", match[1]), encoding="utf-8") as file:
                head = file.read().strip()
        return head[:7]
    return ""


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        rows, depth, columns = (int(size) for size in sys.argv[2:5])
        answer = main(
            os.path.abspath(sys.argv[1]), rows, depth, columns, os.path.abspath(sys.argv[5])
        )
    print(json.dumps(answer))
