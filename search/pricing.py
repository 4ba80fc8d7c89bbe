"""The cost model as the model of a problem: values of variables in, metrics and violations out."""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.evaluate import evaluate
from costmodel.hardware.export import dump_system
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import METRICS, Metrics
from costmodel.timing.tables import Tables, build_tables
from costmodel.workload.operators import Workload
from search.decoding import Decoder
from search.problem import Outcome


class CostModel:
    """Evaluates designs of a space on a workload.

    Parameters
    ----------
    decoder : Decoder
        From values to hardware.
    workload : Workload
    technology : Technology
    limits : Limits
    """

    def __init__(
        self, decoder: Decoder, workload: Workload, technology: Technology, limits: Limits
    ) -> None:
        self.decoder = decoder
        self.workload = workload
        self.technology = technology
        self.limits = limits
        self.tables: Tables = build_tables()
        space = decoder.space
        first = self.evaluate(decoder.decode(space.canonical(space.bounds()[:1])))
        self._metrics = tuple(name for name in METRICS if name in first.values)
        self._violations = first.violation_names

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, in the order of the registry."""
        return self._metrics

    @property
    def violation_names(self) -> tuple[str, ...]:
        """Names of limits and rules of validity."""
        return self._violations

    def evaluate(self, designs: Designs, relax: float = 0.0) -> Metrics:
        """Everything that the cost model says of designs."""
        return evaluate(
            designs, self.workload, self.technology, self.tables, limits=self.limits, relax=relax
        )

    def __call__(self, values: Tensor, relax: float) -> Outcome:
        """Metrics ``[B,K]`` and violations ``[B,G]`` of values ``[B,V]``."""
        result = self.evaluate(self.decoder.decode_values(values, exact=relax <= 0.0), relax)
        metrics = torch.stack([result[name].expand(len(values)) for name in self._metrics], -1)
        violations = result.violations.expand(len(values), -1)
        return Outcome(metrics, violations, result.work.mappings)

    def system(self, x: Tensor, name: str, title: str, notes: tuple[str, ...] = ()) -> str:
        """One design ``[V]`` as a system YAML."""
        designs = self.decoder.decode(x)
        return dump_system(designs, self.technology, name=name, title=title, notes=notes)
