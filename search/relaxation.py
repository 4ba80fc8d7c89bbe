"""By how much a limit has to give, in the words and units of the experiment."""

from __future__ import annotations

from typing import Any

import torch

from costmodel.numerics.units import from_si, split_suffix, to_si
from search.infeasible import Wording, by_share
from search.resolve import Resolved


def wording(resolved: Resolved) -> Wording:
    """How the relaxations of an experiment's limits are put into words."""

    def words(name: str, amount: float, design: int) -> str:
        limits: dict[str, Any] = resolved.experiment.limits.model_dump(exclude_none=True)
        keys = [key for key in limits if split_suffix(key)[0] == name]
        if not keys:
            return f"the rule {by_share(name, amount, design)}"
        (key,) = keys
        cooling, inlet = _coolant(resolved, design)
        allowed = limits[key]
        label = key
        if isinstance(allowed, dict):
            if cooling not in allowed:
                return by_share(name, amount, design)
            label, allowed = f"{key}.{cooling}", allowed[cooling]
        unit = split_suffix(key)[1]
        limit = to_si(allowed, unit)
        # Temperatures are counted from the coolant: see the cost model's limits.
        base = inlet if unit in ("degC", "K") else 0.0
        needed = from_si(limit + amount * (limit - base), unit)
        return f"{label} from {allowed:g} to {needed:.6g}"

    return words


def _coolant(resolved: Resolved, design: int) -> tuple[str, float]:
    """Way of cooling of a design that was evaluated, and its coolant's temperature [K]."""
    x = torch.from_numpy(resolved.problem.archive["x"][design].copy())
    package = resolved.model.decoder.decode(x).pools[0].package
    technology = resolved.model.technology
    inlet = technology.at("cooling", "inlet_temperature", package.cooling)
    return technology.names("cooling")[int(package.cooling)], float(inlet)
