"""What a search has spent: the same count for every sampler, made by the problem itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

GRADIENT_CHARGE = 3
"""Evaluations charged for one forward and backward pass of one design."""


@dataclass
class Meter:
    """Counts of one study; only `search.problem` adds to them.

    Parameters
    ----------
    evaluated : int
        Distinct designs that went through the cost model with every metric.
    repeated : int
        Designs proposed twice in one batch; evaluated once.
    cached : int
        Designs that an earlier round had evaluated; answered from the study.
    pruned : int
        Designs that a bound discarded without an evaluation; certified searches only.
    mappings : int
        Mappings of operators weighed inside the evaluations.
    gradient_steps : int
        Forward and backward passes, one for each design.
    """

    evaluated: int = 0
    repeated: int = 0
    cached: int = 0
    pruned: int = 0
    mappings: int = 0
    gradient_steps: int = 0

    @property
    def charged(self) -> int:
        """Evaluations that count against a budget."""
        return self.evaluated + GRADIENT_CHARGE * self.gradient_steps

    @property
    def proposed(self) -> int:
        """Designs that samplers asked for."""
        return self.evaluated + self.repeated + self.cached + self.pruned

    def as_dict(self) -> dict[str, int]:
        """The counts, for a commit record."""
        return asdict(self)

    def restore(self, counts: dict[str, int]) -> None:
        """Go back to the counts of a commit record."""
        for field in fields(self):
            setattr(self, field.name, int(counts.get(field.name, 0)))
