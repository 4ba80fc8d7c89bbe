"""How far a design reaches beyond the chips that the cost model was checked on."""

from __future__ import annotations

from functools import lru_cache

import torch

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import list_chips, load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.metrics import Metrics
from costmodel.timing.resources import compute_die
from costmodel.timing.tables import build_tables
from costmodel.workload.operators import Workload
from search.evaluation import deploy, supported_format

FEATURES = ("die_area", "clock", "memory_bandwidth", "network_bandwidth", "package_power_peak",
            "current_density")  # fmt: skip
"""Metrics that say what kind of chip it is."""
FEATURE_UNITS = {
    "multiply-accumulates a second": "MAC/s",
    "array size": "count",
    "shared SRAM": "byte",
    "logic density": "1/m2",
}
"""SI units of the features that are no metrics."""


def features(designs: Designs, metrics: Metrics, technology: Technology) -> dict[str, float]:
    """What kind of package a design of batch ``()`` is, in positive numbers.

    Metrics of the package, multiply-accumulates a second, size of one array, shared SRAM, logic
    density of the node.
    """
    found = {name: float(metrics[name]) for name in FEATURES}
    die = compute_die(designs.pools[0])
    elements = float(die.array_rows * die.array_columns)
    arrays = float(die.arrays_per_core * die.cores_enabled * die.count)
    found["multiply-accumulates a second"] = elements * arrays * float(metrics["clock"])
    found["array size"] = elements
    found["shared SRAM"] = float(die.l2_bytes * die.count)
    found["logic density"] = float(technology.at("node", "logic_density", die.node))
    return found


@lru_cache(maxsize=8)
def known_features(workload: Workload) -> tuple[dict[str, float], ...]:
    """Features of every known chip with published facts, on this workload."""
    technology, tables = load_technology(), build_tables()
    found = []
    for name in list_chips():
        chip = load_chip(name, technology)
        if not chip.facts:
            continue
        width = supported_format(chip.designs, technology)
        designs = deploy(chip.designs, technology, {"format": width})
        with torch.no_grad():
            found.append(
                features(designs, evaluate(designs, workload, technology, tables), technology)
            )
    return tuple(found)
