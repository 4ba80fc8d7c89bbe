"""ZigZag's fastest mapping of a GEMM, or its latency of a given one; run by its interpreter.

``python map_zigzag.py FILE M K N [MAPPING]`` prints one JSON object. MAPPING is JSON: the loops
that the memories of each operand hold, from the innermost, without those of the array:
``{"I": [[["D0", 128], ...], ...], "W": ..., "O": ...}`` with D0 rows, D1 columns and D2 depth;
or a list of such, for a list of answers.
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
from run_zigzag import precision  # type: ignore[import-not-found]


def main(
    path: str, rows: int, depth: int, columns: int, given: dict[str, Any] | None = None
) -> dict[str, object]:
    """Cycles of [rows, depth] x [depth, columns], the mapping and the terms of the latency."""
    from zigzag.api import get_hardware_performance_zigzag

    logging.disable(logging.WARNING)
    with open(path, encoding="utf-8") as file:
        accelerator = yaml.safe_load(file)
    height, width = accelerator["operational_array"]["sizes"]
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
    mapping: dict[str, Any] = {
        "name": "default",
        "spatial_mapping": {"D1": [f"D2, {height}"], "D2": [f"D1, {width}"]},
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }
    if given:
        mapping["temporal_ordering"] = [loop for level in given["I"] for loop in level]
        use(given)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("workload", [layer]), ("mapping", [mapping])):
            with open(os.path.join(folder, f"{name}.yaml"), "w", encoding="utf-8") as file:
                yaml.safe_dump(content, file)
        begin = time.process_time(), time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            _, cycles, results = get_hardware_performance_zigzag(
                workload=os.path.join(folder, "workload.yaml"),
                accelerator=path,
                mapping=os.path.join(folder, "mapping.yaml"),
                opt="latency",
                dump_folder=os.path.join(folder, "out"),
                loma_show_progress_bar=False,
            )
        spent = time.process_time() - begin[0], time.perf_counter() - begin[1]
    best = results[0][1][0][0]
    return {
        "peer": "ZigZag",
        "version": metadata.version("zigzag-dse"),
        "gemm": [rows, depth, columns],
        "cycles": float(cycles),
        "cpu_s": spent[0],
        "wall_s": spent[1],
        "mapping": {
            str(operand): [[[str(dim), int(size)] for dim, size in level] for level in levels]
            for operand, levels in best.temporal_mapping.mapping_dic_stationary.items()
        },
        "parts": {
            "array_cycles": float(best.ideal_temporal_cycle),
            "stall_cycles": float(best.stall_slack_comb),
            "first_load_cycles": float(best.data_onloading_cycle),
            "last_store_cycles": float(best.data_offloading_cycle),
            "drain_cycles": float(best.systolic_drain_cycle),
        },
    }


def use(levels: dict[str, list[Any]]) -> None:
    """Evaluate this mapping: ZigZag's allocation would fill the SRAM from the loops alone."""
    from zigzag.datatypes import LayerDim
    from zigzag.mapping.temporal_mapping import TemporalMapping
    from zigzag.stages.mapping import temporal_mapping_generator_stage as stage

    class Given:
        """Stands for its allocator of loops to memories."""

        def __init__(self, *parts: Any):
            _, self.layer, _, _, self.kind = parts

        def run(self) -> Any:
            loops = {
                operand: [[(LayerDim(dim), size) for dim, size in level] for level in memories]
                for operand in self.layer.layer_operands
                for memories in [levels[str(operand)]]
            }
            return TemporalMapping(loops, self.layer, self.kind)

    stage.MemoryAllocator = Given


if __name__ == "__main__":
    rows, depth, columns = (int(size) for size in sys.argv[2:5])
    wanted = json.loads(sys.argv[5]) if len(sys.argv) > 5 else None
    answer = (
        [main(sys.argv[1], rows, depth, columns, one) for one in wanted]
        if isinstance(wanted, list)
        else main(sys.argv[1], rows, depth, columns, wanted)
    )
    print(json.dumps(answer))
