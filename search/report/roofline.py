"""Operators of a machine on its roofline, from the mapping that the model chose."""

from __future__ import annotations

import torch

from costmodel.evaluate import evaluate_pool
from costmodel.hardware.system import Designs
from costmodel.timing.mapped import Mapped
from search.pricing import CostModel
from search.report.content import Roof, Roofline, Spot

OPERATIONS_A_MAC = 2.0
SMALLEST_SHARE = 5e-3
"""Operators under this share of their step are left out: nobody could read so many names."""


def roofline(model: CostModel, machines: dict[str, Designs]) -> Roofline:
    """Roofs and operators of several machines.

    Parameters
    ----------
    model : CostModel
        Whose workload all of them serve.
    machines : dict of str to Designs
        Of batch ``()``, deployed.

    Returns
    -------
    Roofline
        Peak at the number format in use and peak memory bandwidth of a package; each operator
        that multiplies at its operations over the bytes that it moves to and from memory.
    """
    roofs, spots = [], []
    for name, designs in machines.items():
        for pool in designs.pools:
            label = name if len(designs.pools) == 1 else f"{name} {pool.role}"
            with torch.no_grad():
                result = evaluate_pool(pool, model.workload, model.technology, model.tables)
            r = result.resources
            peak = OPERATIONS_A_MAC * float(
                (r.cores * r.arrays * r.rows * r.columns * r.rate * r.clock).reshape(())
            )
            found = _spots(label, result.mapped)
            if found:
                roofs.append(Roof(label, peak, float(result.memory_bandwidth)))
                spots += found
    return Roofline(tuple(roofs), tuple(spots))


def _spots(machine: str, mapped: Mapped) -> list[Spot]:
    level = mapped.levels.index("memory")
    shape = mapped.latency.shape
    count = mapped.count.expand(shape)
    operations = OPERATIONS_A_MAC * mapped.macs.expand(shape)
    traffic = mapped.bytes[..., level, :].sum(-1).expand(shape)
    shares = count * mapped.latency / mapped.step.unsqueeze(-1)
    found = []
    for point, phase in enumerate(mapped.points):
        for index, operator in enumerate(mapped.operators):
            work, moved = float(operations[point, index]), float(traffic[point, index])
            share = float(shares[point, index])
            if work > 0.0 and moved > 0.0 and share > SMALLEST_SHARE:
                seconds = float(mapped.latency[point, index])
                found.append(Spot(machine, operator, phase, work / moved, work / seconds, share))
    return found
