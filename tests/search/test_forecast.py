"""What a search is said to cost is what it costs: designs, files, time, the sampler's own too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from experiments.bad_inputs.case import Place
from search.forecast import forecast
from search.reading import load
from search.resolve import Resolved, resolve
from search.samplers.quasi_random import QuasiRandom
from search.study import Study

FACTOR = 4.0
"""Both times are of a busy machine."""
PHASES = (
    "sampler={phases: [{name: quasi_random, evaluations: 128, options: {batch: 64}}, "
    "{name: gradient, evaluations: 32, options: {batch: 32}}]}"
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path, tmp_path)
    found.experiment()
    return found


def resolved(place: Place, *changes: str) -> Resolved:
    return resolve(load(place.folder / "bad.yaml", changes))


@pytest.mark.parametrize(
    "changes", [("budget.evaluations=1024",), (PHASES, "budget.evaluations=900")]
)
def test_a_search_costs_what_was_said(place: Place, changes: tuple[str, ...]) -> None:
    said = forecast(resolved(place, *changes))
    study = Study.create(place.folder / "bad.yaml", list(changes), results=place.folder / "results")
    begin = time.perf_counter()
    study.run()
    seconds = time.perf_counter() - begin
    table = study.evaluated()
    names = ("study.journal", "evaluations/*", "state/*")
    disk = sum(path.stat().st_size for name in names for path in study.folder.glob(name))
    assert said.evaluations == study.experiment.budget.evaluations
    assert said.designs == pytest.approx(table.num_rows, rel=0.4)
    assert said.rounds == pytest.approx(study.status()["rounds"], rel=0.5, abs=2)
    assert disk / 2 < said.disk < disk * 2
    assert seconds / FACTOR < said.seconds < seconds * FACTOR


def test_what_is_spent_costs_no_more(place: Place) -> None:
    assert forecast(resolved(place), spent=100).evaluations == 92
    assert forecast(resolved(place), spent=1000).seconds == 0


def test_a_limit_of_time_is_kept(place: Place) -> None:
    said = forecast(resolved(place, "budget.evaluations=1000000000", "budget.seconds=20"))
    assert said.seconds == pytest.approx(20) or said.evaluations < 1e9
    assert said.seconds <= 20 * (1 + 1e-9)


def test_the_samplers_own_thinking_is_in_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that thinks for 50 ms about each batch of 64 costs that more."""
    before = forecast(resolved(place)).paces[0].seconds
    propose = QuasiRandom.propose

    def slowly(self: QuasiRandom, *arguments: Any) -> Tensor:
        time.sleep(64 * before * 2)
        return propose(self, *arguments)

    monkeypatch.setattr(QuasiRandom, "propose", slowly)
    after = forecast(resolved(place)).paces[0].seconds
    assert after > 2 * before
