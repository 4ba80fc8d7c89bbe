"""What a design's figures rest on, put together: assumed shares and reach beyond known chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from costmodel.evaluate import evaluate
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.metrics import METRICS, Metrics
from search.display import number, percent
from search.evidence import Influence, assumed_share, elasticities, extrapolation
from search.reach import features, known_features

if TYPE_CHECKING:
    from search.pricing import CostModel

RESTS_ON = {
    "time": "package_seconds_per_request",
    "energy": "tokens_per_joule",
    "cost": "cost_per_mtoken",
}
"""The metric whose elasticities stand for each."""
FARTHEST = 3


@dataclass(frozen=True)
class Grounds:
    """On what the figures of one design stand.

    `assumed` is the share of time, energy and cost that rests on assumed numbers [1]; `influences`
    are the elasticities behind it, by metric; `outside` says by how many doublings which feature
    lies beyond the known chips.
    """

    assumed: dict[str, float]
    influences: dict[str, tuple[Influence, ...]]
    outside: dict[str, float]

    @property
    def extrapolation(self) -> float:
        """Sum of the doublings; 0 inside what the known chips span."""
        return sum(self.outside.values())

    def record(self) -> dict[str, Any]:
        """The figures as plain containers."""
        return {
            "assumed_share": self.assumed,
            "extrapolation": self.extrapolation,
            "doublings_outside_known_chips": self.outside,
        }

    def notes(self) -> tuple[str, ...]:
        """Two lines for a design's file."""
        shares = ", ".join(f"{name} {percent(share)}" for name, share in self.assumed.items())
        return (f"rests on assumed numbers: {shares}", f"extrapolation {self.reach()}")

    def reach(self) -> str:
        """The extrapolation score and what contributes most to it."""
        parts = (f"{size:.1f} in {_title(name)}" for name, size in self.outside.items())
        words = ", ".join(list(parts)[:FARTHEST])
        return f"{number(self.extrapolation)} doublings" + (f": {words}" if words else "")


def grounds_of(
    model: CostModel,
    designs: Designs,
    metrics: Metrics | None = None,
    also: Sequence[str] = (),
) -> Grounds:
    """Elasticities and reach of one design of batch ``()``.

    Parameters
    ----------
    model : CostModel
    designs : Designs
    metrics : Metrics, optional
        Its exact evaluation, if there is one.
    also : sequence of str
        Metrics whose elasticities are wanted besides those of `RESTS_ON`.
    """
    if metrics is None:
        with torch.no_grad():
            metrics = model.evaluate(designs)

    def with_technology(live: Technology) -> Mapping[str, Tensor]:
        return evaluate(designs, model.workload, live, model.tables, limits=model.limits).values

    wanted = tuple(dict.fromkeys((*RESTS_ON.values(), *also)))
    influences = elasticities(with_technology, model.technology, wanted)
    return Grounds(
        assumed={name: assumed_share(influences[metric]) for name, metric in RESTS_ON.items()},
        influences=influences,
        outside=extrapolation(
            features(designs, metrics, model.technology), known_features(model.workload)
        ),
    )


def _title(name: str) -> str:
    return METRICS[name].title.lower() if name in METRICS else name
