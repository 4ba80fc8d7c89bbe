"""What turning one knob of a design by one notch does: exact evaluations of its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from search.display import number
from search.pricing import CostModel
from search.report.content import Notch, Turn
from search.space import Space

PARTS = 64
"""A continuous variable moves by this part of its span."""


def notches(model: CostModel, x: Tensor, objectives: tuple[str, ...]) -> tuple[Notch, ...]:
    """Every variable of a design, turned alone.

    Parameters
    ----------
    model : CostModel
    x : Tensor [V]
        The design.
    objectives : tuple of str
        Metrics whose relative change is wanted.

    Returns
    -------
    tuple of Notch
        In the order of the space; a variable that makes no other design is left out.
    """
    space = model.decoder.space
    turned = {column: _turned(space, x, column) for column in space.free}
    turned = {column: rows for column, rows in turned.items() if len(rows)}
    if not turned:
        return ()
    with torch.no_grad():  # one batch: a call of the model costs the same for few designs
        outcome = model(space.values(torch.cat([x[None], *turned.values()])), 0.0)
    columns = [model.metric_names.index(name) for name in objectives]
    values = outcome.metrics[:, columns]
    changes = (values / values[0] - 1.0).tolist()
    missed = outcome.violations.tolist()
    found, row = [], 1
    for column, rows in turned.items():
        turns = []
        for design in rows:
            broken = zip(model.violation_names, missed[row], strict=True)
            turns.append(
                Turn(
                    value=_shown(space, design, column),
                    changes=dict(zip(objectives, changes[row], strict=True)),
                    broken=tuple(name for name, size in broken if size > 0.0),
                )
            )
            row += 1
        found.append(Notch(space.names[column], _shown(space, x, column), tuple(turns)))
    return tuple(found)


def _turned(space: Space, x: Tensor, column: int) -> Tensor:
    """Designs that differ in one variable: the levels beside its own, or the other choices."""
    variable = space.variables[column]
    if not variable.ordered:
        targets = [float(level) for level in range(variable.size)]
    else:
        step = 1.0 if variable.size else (variable.high - variable.low) / PARTS
        targets = [float(x[column]) - step, float(x[column]) + step]
    rows = x.repeat(len(targets), 1)
    rows[:, column] = torch.tensor(targets, dtype=torch.float64)
    rows = space.canonical(rows)
    # Past an end of its range, or where a rule holds it, a variable makes the same design.
    different = (rows != x).any(-1)
    kept: Tensor = torch.unique(rows[different], dim=0)
    return kept


def _shown(space: Space, x: Tensor, column: int) -> str:
    value = space.variables[column].level(float(x[column]))
    return number(value) if isinstance(value, float) else str(value)
