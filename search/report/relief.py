"""What a limit costs, as the designs at hand say: the best of them if it gave a little."""

from __future__ import annotations

import numpy as np

from costmodel.limits import LIMIT_NAMES
from costmodel.metrics import METRICS
from search.problem import Problem
from search.report.content import Flags, Relief

SHARE = 0.05
"""By which each limit gives, as a share of itself (of the rise over the coolant for heat)."""
LIMITED = {"package_power": "package_power_peak", "memory_capacity": "memory_used"}
"""Metric that a limit of another name is about."""


def reliefs(problem: Problem) -> tuple[Relief, ...]:
    """The gain in each objective if one limit gave, all others held.

    Parameters
    ----------
    problem : Problem
        With its archive; at least one design is feasible.

    Returns
    -------
    tuple of Relief
        One for every limit that the user set, the most costly first. The gains are a least: a
        search under the changed limit may find more.
    """
    violations = problem.archive["violations"]
    objectives, feasible = problem.judged()
    if not feasible.any():
        return ()
    held = objectives[feasible].min(0)
    found = []
    for column, name in enumerate(problem.violation_names):
        if name not in LIMIT_NAMES:
            continue
        admitted = _admitted(violations, column)
        gains = dict.fromkeys(problem.objective_names, 0.0)
        if admitted.any():
            best = np.minimum(objectives[admitted].min(0), held)
            change = (held - best) / np.abs(held)
            gains = dict(zip(problem.objective_names, change.tolist(), strict=True))
        title = METRICS[LIMITED.get(name, name)].title
        found.append(Relief(name, title, SHARE, gains, int(admitted.sum())))
    return tuple(sorted(found, key=lambda item: -max(item.gains.values())))


def _admitted(violations: np.ndarray, column: int) -> Flags:
    """Designs that miss this one limit by at most the share, and no other."""
    own = violations[:, column]
    others = np.delete(violations, column, axis=1)
    admitted: Flags = (own > 0.0) & (own <= SHARE) & (others <= 0.0).all(1)
    return admitted
