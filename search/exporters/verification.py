"""No number leaves a study unchecked: each design is decoded and evaluated again first."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from costmodel.errors import StudyError
from search import manifest
from search.executors.local import single_threaded
from search.fingerprints import explain
from search.problem import Problem
from search.results import Design
from search.study import Study

VALUES = ("code", "data", "experiment")
"""Fingerprints that decide the value of a design."""


def verify(study: Study, designs: Iterable[Design]) -> None:
    """Evaluate designs again and compare every figure, bit for bit.

    Parameters
    ----------
    study : Study
    designs : iterable of Design
        As the study stores them.

    Raises
    ------
    StudyError
        When the model is not the one that the study was made with, or a figure differs.
    """
    _same_model(study)
    found = list(designs)
    problem = study.problem
    fresh = Problem(problem.space, problem.model, problem.goals)
    with single_threaded():
        again = fresh.evaluate(torch.tensor([design.x for design in found], dtype=torch.float64))
    for row, design in enumerate(found):
        for kind, names, values, stored in (
            ("", problem.metric_names, again.metrics, design.metrics),
            ("violation of ", problem.violation_names, again.violations, design.violations),
        ):
            for column, name in enumerate(names):
                value = float(values[row, column])
                if value != stored[name]:
                    raise StudyError(
                        f"{study.folder}: evaluation {design.number} gives {kind}{name} {value!r} "
                        f"now, {stored[name]!r} in the study",
                        expected="the same figures, bit for bit; nothing was written",
                        next_step=_rescore(study),
                    )


def _same_model(study: Study) -> None:
    content = manifest.read(study.folder)
    stored, parts = content["fingerprints"], content.get("files", {})
    changed = [
        kind
        for kind in VALUES
        if kind in study.identity and stored.get(kind) != study.identity[kind]
    ]
    if "experiment" in changed:
        raise StudyError(
            f"{study.folder}: experiment.yaml or one of its files changed since the study began, "
            "so its figures cannot be confirmed",
            expected="the experiment that began it; nothing was written",
            next_step="put the files back, or run it again under another name",
        )
    if changed:
        what = " and ".join(explain(kind, parts) for kind in changed)
        raise StudyError(
            f"{study.folder}: {what} changed since the study began, so its figures cannot be "
            "confirmed",
            expected="the version that began it; nothing was written",
            next_step=_rescore(study),
        )


def _rescore(study: Study) -> str:
    return f"`scoville resume {study.folder} --rescore` evaluates its designs again"
