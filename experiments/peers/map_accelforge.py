"""AccelForge's fastest mapping of a GEMM, or its latency of a given one; run by its interpreter.

``python map_accelforge.py FILE M K N [MAPPING]`` prints one JSON object. MAPPING is JSON:
``{"order": "nmk", "block": [m, n, k], "hold": "a"}``, blocks of the shared SRAM in loop order and
the operands that stay there (of a, b, c); or a list of such, for a list of answers.
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
from typing import Any

from run_accelforge import WORKLOAD, register_bits  # type: ignore[import-not-found]

ARRAY_LEVELS = ("rows", "columns")
TENSORS = {"a": ("A", "mk", "n"), "b": ("W", "kn", "m"), "c": ("C", "mn", "k")}
"""Name, relevant loops and reuse loop of each operand."""


def main(
    path: str, rows: int, depth: int, columns: int, mapping: dict[str, Any] | None = None
) -> dict[str, object]:
    """Latency of [rows, depth] x [depth, columns], the mapping and what memory moves."""
    import accelforge
    from accelforge.model.main import evaluate_mapping
    from accelforge.util.parallel import set_n_parallel_jobs

    set_n_parallel_jobs(1)
    sizes = {"m": rows, "n": columns, "k": depth}
    workload = WORKLOAD.format(rows=rows, depth=depth, columns=columns, bits=register_bits(path))
    searches: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open("gemm.yaml", "w", encoding="utf-8") as file:
            file.write(workload)
        if mapping:
            with open("mapping.yaml", "w", encoding="utf-8") as file:
                file.write(given(mapping, sizes, fanouts(accelforge, path)))
            spec = accelforge.Spec.from_yaml(path, "gemm.yaml", "mapping.yaml")
            spec.model.metrics = spec.mapper.info_metrics
            best = evaluate_mapping(spec)
            loops = [str(node) for node in spec.mapping.nodes]
        else:
            best, loops = None, []
            for imperfect in (False, True):
                found, nodes, spent = search(accelforge, path, imperfect)
                searches.append(
                    {
                        "uneven_tiles": imperfect,
                        "seconds": float(found.latency()),
                        "cpu_s": spent[0],
                        "wall_s": spent[1],
                    }
                )
                if best is None or float(found.latency()) < float(best.latency()):
                    best, loops = found, nodes
    times = best.latency(per_component=True)
    actions = {" ".join(key): float(count) for key, count in best.actions().items()}
    return {
        "peer": "AccelForge",
        "version": metadata.version("accelforge"),
        "gemm": [rows, depth, columns],
        "seconds": float(best.latency()),
        "searches": searches,
        "mapping": loops,
        "memory_bits": [actions["Memory read"], actions["Memory write"]],
        "parts": {str(name): float(value) for name, value in times.items()},
    }


def search(accelforge: Any, path: str, imperfect: bool) -> tuple[Any, list[str], tuple[float, ...]]:
    """The fastest mapping: its evaluation, its nodes and the seconds of processor and clock."""
    from accelforge.mapper.FFM.main import map_workload_to_arch
    from accelforge.model.main import evaluate_mapping

    spec = accelforge.Spec.from_yaml(path, "gemm.yaml")
    spec.mapper.metrics = accelforge.mapper.Metrics.LATENCY
    spec.mapper.explore_imperfect_temporal_loops = imperfect
    begin = time.process_time(), time.perf_counter()
    mappings = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False)
    spent = time.process_time() - begin[0], time.perf_counter() - begin[1]
    detailed = deepcopy(spec)
    detailed.model.metrics = detailed.mapper.info_metrics
    detailed.mapping = mappings.data.iloc[0]["Total<SEP>mapping"](_for_model=True)
    result = evaluate_mapping(
        detailed,
        flattened_arches=mappings.flattened_arches,
        evaluated_specs=mappings.evaluated_specs,
    )
    return result, [str(node) for node in detailed.mapping.nodes], spent


def fanouts(accelforge: Any, path: str) -> dict[str, int]:
    """Rows and columns of the array."""
    spec = accelforge.Spec.from_yaml(path)
    return {
        spatial.name: int(spatial.fanout)
        for node in spec.arch.nodes
        for spatial in getattr(node, "spatial", [])
    }


def given(mapping: dict[str, Any], sizes: dict[str, int], fanout: dict[str, int]) -> str:
    """A mapping in AccelForge's words: blocks, folds of the array, rows that stream."""
    block = dict(zip("mnk", mapping["block"], strict=True))
    loops = [dim for dim in mapping["order"] if block[dim] < sizes[dim]]
    kept: dict[int, list[str]] = {}
    for operand, (tensor, relevant, reuse) in TENSORS.items():
        inside = [index for index, dim in enumerate(loops) if dim in relevant]
        place = max(inside) + 1 if inside else 0
        if operand in mapping["hold"] and reuse in loops:
            place = min(place, loops.index(reuse))
        kept.setdefault(place, []).append(tensor)
    nodes = ["!Storage {component: Memory, tensors: [A, W, C]}"]
    for place in range(len(loops) + 1):
        if tensors := kept.get(place):
            nodes.append(f"!Storage {{component: SharedSRAM, tensors: [{', '.join(tensors)}]}}")
        if place < len(loops):
            dim = loops[place]
            nodes.append(f"!Temporal {{rank_variable: {dim}, tile_shape: {block[dim]}}}")
    tall, wide = (fanout[name] for name in ARRAY_LEVELS)
    inner = (("k", "rows", tall), ("n", "columns", wide))
    nodes += [f"!Temporal {{rank_variable: {dim}, tile_shape: {edge}}}" for dim, _, edge in inner]
    nodes += [
        f"!Spatial {{component: ProcessingElement, name: {name}, rank_variable: {dim}, "
        "tile_shape: 1}"
        for dim, name, _ in inner
    ]
    nodes += [
        "!Storage {component: Register, tensors: [W]}",
        "!Temporal {rank_variable: m, tile_shape: 1}",
        "!Compute {einsum: Gemm, component: MAC}",
    ]
    return "mapping:\n  nodes:\n" + "".join(f"  - {node}\n" for node in nodes)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        rows, depth, columns = (int(size) for size in sys.argv[2:5])
        path = os.path.abspath(sys.argv[1])
        wanted = json.loads(sys.argv[5]) if len(sys.argv) > 5 else None
        answer = (
            [main(path, rows, depth, columns, one) for one in wanted]
            if isinstance(wanted, list)
            else main(path, rows, depth, columns, wanted)
        )
    print(json.dumps(answer))
