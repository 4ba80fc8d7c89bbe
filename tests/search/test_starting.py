"""`scoville init`: a commented experiment that is valid, fits its model and can be met."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from costmodel.errors import ScovilleError
from costmodel.workload.loading import DATA, list_models, list_scenarios, load_model, load_scenario
from search import session, starting
from search.study import Study

ROOT = Path(__file__).resolve().parents[2]
SMALL = [name for name in list_models() if load_model(name).parameters < 10e9]


@pytest.mark.parametrize("scenario", list_scenarios())
@pytest.mark.parametrize("model", list_models())
def test_every_model_and_scenario_gives_a_valid_experiment(
    model: str, scenario: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    started = starting.start(model, scenario, output=path)
    assert started.checked == session.check(path)
    assert started.checked["variables"] == 19
    assert started.checked["objectives"] == list(starting.OBJECTIVES)


@pytest.mark.parametrize("scenario", list_scenarios())
@pytest.mark.parametrize("model", SMALL)
def test_a_short_search_finds_a_feasible_design(model: str, scenario: str, tmp_path: Path) -> None:
    starting.start(model, scenario, output=tmp_path / "mine.yaml")
    changes = ["budget.evaluations=200", "sampler=quasi_random"]
    study = Study.create(tmp_path / "mine.yaml", changes, results=tmp_path / "results")
    assert study.run().feasible > 0
    assert study.diagnosis() is None


def test_every_key_is_explained(tmp_path: Path) -> None:
    started = starting.start("llama-3.1-8b", output=tmp_path / "mine.yaml")
    lines = started.experiment.read_text(encoding="utf-8").splitlines()
    bare = {
        line.split(":")[0].strip()
        for line in lines
        if line and not line.startswith("#") and "#" not in line
    }
    # What is left without a comment has its meaning and its unit in its name.
    assert bare == {
        "schema_version", "space", "arrays_per_core", "cooling", "rack_power_kW",
        "junction_temperature_C", "phases",
    }  # fmt: skip
    assert max(map(len, lines)) <= 110


def test_weights_fit_at_every_degree_of_tensor_parallelism() -> None:
    for model in list_models():
        transformer = load_model(model)
        for degree in starting.tensor_parallel(transformer):
            # 48 GB in a stack of twelve HBM4 dies of 4 GB, twelve stacks to a package.
            assert transformer.parameters / degree < 12 * 48e9
            assert transformer.heads % degree == 0


def test_limits_are_those_of_the_quickstart_for_its_model() -> None:
    limits = starting.time_limits(load_model("llama-3.1-70b"), load_scenario("interactive"))
    assert limits == (150, 12)
    first, between = starting.time_limits(
        load_model("llama-3.1-405b"), load_scenario("decode-only")
    )
    assert first is None
    assert between > 12


def test_the_template_is_that_of_the_shipped_experiments() -> None:
    shipped = ROOT / "experiments" / "templates" / "systolic.yaml"
    assert starting.TEMPLATE.read_bytes() == shipped.read_bytes()


def test_a_configuration_of_ones_own_is_found_from_the_experiment(tmp_path: Path) -> None:
    model = tmp_path / "models" / "ours" / "config.json"
    model.parent.mkdir(parents=True)
    shutil.copyfile(DATA / "models" / "llama-3.1-8b.json", model)
    started = starting.start(str(model), output=tmp_path / "a" / "b" / "mine.yaml")
    assert "model: ../../models/ours/config.json" in started.experiment.read_text(encoding="utf-8")
    assert started.checked["name"] == "ours"


def test_nothing_is_replaced_without_force(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("my own work", encoding="utf-8")
    with pytest.raises(ScovilleError, match="exists") as caught:
        starting.start("llama-3.1-8b", output=path)
    assert caught.value.exit_code == 4
    assert path.read_text(encoding="utf-8") == "my own work"
    assert starting.start("llama-3.1-8b", output=path, force=True).experiment == path


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"model": "llama-3.1-9b"}, ["llama-3.1-9b", "llama-3.1-8b"]),
        ({"model": "llama-3.1-8b", "scenario": "interactiv"}, ["interactive"]),
        ({"model": "llama-3.1-8b", "objectives": ["cost"]}, ["'cost'", "cost_per_mtoken"]),
        ({"model": "llama-3.1-8b", "output": "mine.txt"}, ["mine.txt", ".yaml"]),
    ],
)
def test_mistakes_write_nothing(
    given: dict[str, object], parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScovilleError) as caught:
        starting.start(**given)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    assert all(part in str(caught.value) for part in parts)
    assert not list(tmp_path.iterdir())
