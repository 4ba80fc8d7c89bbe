"""Machines for timing tests, built without any technology file."""

from __future__ import annotations

import torch

from costmodel.timing.resources import Resources


def machine(**changes: float) -> Resources:
    """A small systolic machine; every value may be replaced."""
    values = {
        "cores": 24.0,
        "clock": 1e9,
        "rows": 32.0,
        "columns": 32.0,
        "arrays": 2.0,
        "rate": 1.0,
        "weight_stationary": 1.0,
        "input_stationary": 0.0,
        "instruction_depth": 0.0,
        "hidden_fill": 1.0,
        "port_width": 64.0,
        "lanes": 24.0 * 64,
        "exponential_unit": 1.0,
        "exponential_cost": 4.0,
        "registers": 64 * 256.0,
        "l1": 512 * 1024.0,
        "l2": 8 * 2.0**20,
        "memory_bandwidth": 1e12,
        "has_memory": 1.0,
        "element_bytes": 1.0,
        "accumulator_bytes": 4.0,
        "array_efficiency": 1.0,
        "vector_efficiency": 1.0,
        "attention_efficiency": 1.0,
        "launch": 1e-6,
        "overlap": 8.0,
        "hardware_scheduled": 0.0,
        "kernel_library": 0.0,
        "multicast": 0.0,
        "prefetch": 0.0,
        "write_turnaround": 0.0,
        "burst": 1.0,
    } | changes
    return Resources(
        **{key: torch.tensor([[value]], dtype=torch.float64) for key, value in values.items()}
    )
