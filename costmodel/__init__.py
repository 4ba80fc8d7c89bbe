"""The cost model: what a system of chips takes in time, energy, area, heat and money.

>>> import costmodel
>>> h100 = costmodel.load_chip("h100")
>>> workload = costmodel.load_workload("llama-3.1-70b", "interactive")
>>> technology, tables = costmodel.load_technology(), costmodel.build_tables()
>>> metrics = costmodel.evaluate(h100.designs, workload, technology, tables)
>>> bool(metrics["tpot"] < metrics["ttft"])  # a token takes less than a whole prompt
True
"""

from typing import TYPE_CHECKING

from costmodel.public import publish

if TYPE_CHECKING:
    from costmodel.errors import ConfigError, DataError, ScovilleError
    from costmodel.evaluate import evaluate
    from costmodel.hardware.catalog import Chip, list_chips, load_chip, load_system
    from costmodel.hardware.export import at_index, dump_system
    from costmodel.hardware.loading import load_technology
    from costmodel.hardware.system import Designs, replace_at
    from costmodel.hardware.technology import Technology
    from costmodel.limits import Limits
    from costmodel.metrics import METRICS, Breakdown, Metrics
    from costmodel.numerics.units import from_si, to_si
    from costmodel.timing.tables import Tables, build_tables
    from costmodel.workload.loading import (
        list_models,
        list_scenarios,
        load_model,
        load_scenario,
        load_workload,
    )
    from costmodel.workload.operators import Workload

__all__ = [
    "METRICS",
    "Breakdown",
    "Chip",
    "ConfigError",
    "DataError",
    "Designs",
    "Limits",
    "Metrics",
    "ScovilleError",
    "Tables",
    "Technology",
    "Workload",
    "at_index",
    "build_tables",
    "dump_system",
    "evaluate",
    "from_si",
    "list_chips",
    "list_models",
    "list_scenarios",
    "load_chip",
    "load_model",
    "load_scenario",
    "load_system",
    "load_technology",
    "load_workload",
    "replace_at",
    "to_si",
]

publish(
    __name__,
    {
        "errors": ("ConfigError", "DataError", "ScovilleError"),
        "evaluate": ("evaluate",),
        "hardware.catalog": ("Chip", "list_chips", "load_chip", "load_system"),
        "hardware.export": ("at_index", "dump_system"),
        "hardware.loading": ("load_technology",),
        "hardware.system": ("Designs", "replace_at"),
        "hardware.technology": ("Technology",),
        "limits": ("Limits",),
        "metrics": ("METRICS", "Breakdown", "Metrics"),
        "numerics.units": ("from_si", "to_si"),
        "timing.tables": ("Tables", "build_tables"),
        "workload.loading": (
            "list_models", "list_scenarios", "load_model", "load_scenario", "load_workload",
        ),
        "workload.operators": ("Workload",),
    },
)  # fmt: skip
