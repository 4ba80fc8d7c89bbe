"""Picked designs of a study, and where the numbers of each come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from costmodel.errors import StudyError
from costmodel.evaluate import evaluate
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from search import manifest
from search.exporters.origin import Origin, Reading, cited, readings
from search.pricing import CostModel
from search.results import Design
from search.study import Study


@dataclass(frozen=True)
class File:
    """A file to write: its name, its bytes, and what it does not say."""

    name: str
    content: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picked:
    """Designs of a study by the name of their files."""

    study: Study
    designs: dict[str, Design]

    @property
    def model(self) -> CostModel:
        """The cost model.

        Raises
        ------
        StudyError
            When the study is of another model.
        """
        if self.study.resolved is None:
            raise StudyError(
                f"{self.study.folder} is not made of an experiment: it has no systems to write",
                expected="json, csv or parquet",
            )
        return self.study.resolved.model

    def hardware(self, name: str) -> Designs:
        """The hardware of one design, batch ``()``."""
        x = torch.tensor(self.designs[name].x, dtype=torch.float64)
        return self.model.decoder.decode(x)

    def origin(self, name: str, run: Callable[[Technology], object] | None = None) -> Origin:
        """Where the numbers of one design come from.

        Parameters
        ----------
        name : str
        run : callable, optional
            Reads what the numbers rest on; by default everything that its metrics do.
        """
        if run is None and self.study.resolved is not None:
            run = self._metrics_of(self.hardware(name))
        return self._origin(name, self.designs[name].number, run)

    def origin_of_all(self) -> dict[str, Any]:
        """What all designs rest on together; each row of a table has its own evaluation."""
        run = None
        if self.study.resolved is not None:
            x = torch.tensor([design.x for design in self.designs.values()], dtype=torch.float64)
            run = self._metrics_of(self.model.decoder.decode(x))
        record = self._origin("", 0, run).record()
        return {key: value for key, value in record.items() if key not in ("design", "evaluation")}

    def _metrics_of(self, hardware: Designs) -> Callable[[Technology], object]:
        model = self.model

        def run(technology: Technology) -> object:
            return evaluate(hardware, model.workload, technology, model.tables, limits=model.limits)

        return run

    def _origin(self, name: str, number: int, run: Callable[[Technology], object] | None) -> Origin:
        content, experiment = manifest.read(self.study.folder), self.study.experiment
        read: tuple[Reading, ...] = ()
        technology: Technology | None = None
        if run is not None:
            technology = self.model.technology
            with torch.no_grad():
                read = readings(run, technology)
        return Origin(
            study=experiment.name,
            title=experiment.title or experiment.name,
            design=name,
            evaluation=number,
            scoville=content["scoville"],
            fingerprints=content["fingerprints"],
            readings=read,
            sources=cited(technology, read) if technology is not None else (),
        )
