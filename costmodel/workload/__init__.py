"""What must be computed: models, scenarios, operators."""

from costmodel.workload.loading import list_models, list_scenarios, load_workload
from costmodel.workload.operators import Operators, Workload

__all__ = ["Operators", "Workload", "list_models", "list_scenarios", "load_workload"]
