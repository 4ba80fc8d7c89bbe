"""Every mistake in an experiment is one line: place, what was found, what was meant."""

import json
from pathlib import Path

import pytest

from costmodel.errors import ConfigError
from costmodel.limits import LIMIT_NAMES
from costmodel.numerics.units import split_suffix
from search.experiment import Experiment, LimitsFile, schema, schema_path
from search.reading import dump, load

TEXT = """\
schema_version: 1
name: small
model: llama-3.1-70b
scenario: interactive
template: tpu-v5p
space:
  node: [n3e, n2]
  array: [64, 128]
  l1_MiB: {range: [0.25, 4], levels: 5, log: true}
  voltage_V: {range: [0.55, 0.9]}
  batch: 64
limits:
  package_power_W: {air: 1000, cold_plate: 1600}
  ttft_ms: 150
objectives:
  - cost_per_mtoken
  - {metric: tokens_per_joule, direction: maximize}
sampler: {name: quasi_random}
budget: {evaluations: 1000}
"""


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def message(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_written_reads_back_as_the_same(file):
    experiment = load(file).experiment
    file.write_text(dump(experiment))
    assert load(file).experiment == experiment


def test_overrides(file):
    experiment = load(
        file,
        ["budget.evaluations=+500", "space.array=[32, 64, 128]", "objectives.1.direction=minimize",
         "space.stacks={range: [2, 8], step: 2}", "limits.ttft_ms=1e3", "title=no"],
    ).experiment  # fmt: skip
    assert experiment.budget.evaluations == 1500
    assert experiment.space.array.values == (32, 64, 128)
    assert experiment.objectives[1].direction == "minimize"
    assert experiment.space.stacks.step == 2
    assert experiment.limits.ttft_ms == 1000  # YAML 1.2: 1e3 is a number ...
    assert experiment.title == "no"  # ... and no is a word


CASES = [
    ("name: small", "nmae: small", ":2: nmae: unknown key 'nmae'; did you mean name?"),
    ("array: [64, 128]", "arry: [64]", ":8: space.arry: unknown key 'arry'; did you mean array"),
    ("l1_MiB:", "l1_KiB:", ":9: space.l1_KiB: l1_KiB is in KiB; expected l1_MiB, in MiB"),
    ("l1_MiB:", "l1:", ":9: space.l1: l1 is without a unit; expected l1_MiB, in MiB"),
    ("batch: 64", "batch_ms: 64", ":11: space.batch_ms: batch_ms has a unit; expected batch"),
    ("ttft_ms: 150", "ttft_s: 0.15", ":14: limits.ttft_s: ttft_s is in s; expected ttft_ms, in ms"),
    ("ttft_ms: 150", "ttft_ms: -1", ":14: limits.ttft_ms: found -1; expected greater than 0"),
    ("ttft_ms: 150", "ttft_ms: fast", ":14: limits.ttft_ms: found 'fast'; expected a valid number"),
    ("air: 1000", "air: many", ":13: limits.package_power_W.air: found 'many'"),
    ("[0.55, 0.9]", "[0.9, 0.55]", ":10: space.voltage_V: found {'range': [0.9, 0.55]}; "
     "expected range: [low, high] with low below high, so [0.55, 0.9]"),
    ("levels: 5, log: true", "step: 1, log: true", ":9: space.l1_MiB: found"),
    ("range: [0.55, 0.9]", "rnge: [0.55, 0.9]", ":10: space.voltage_V.rnge: unknown key"),
    ("node: [n3e, n2]", "node: {range: [1, 2]}", "expected a name, or a list of names"),
    ("node: [n3e, n2]", "node: [n3e, n3e]", "n3e is there twice"),
    ("evaluations: 1000", "evaluations: 0", ":19: budget.evaluations: found 0"),
    ("evaluations: 1000", "seconds: 3", ":19: budget: no key 'evaluations'"),
    ("schema_version: 1", "schema_version: 2", ":1: schema_version: found 2; expected 1"),
    ("name: quasi_random", "phases: []", ":18: sampler: found"),
    ("- cost_per_mtoken", "- tokens_per_joule", "expected every objective once"),
    ("batch: 64", "batch: 64\n  batch: 32", ":12: not YAML: duplicate key 'batch'"),
    ("  batch: 64", " batch: 64", "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_mistakes(file, old, new, expected):
    assert old in TEXT
    file.write_text(TEXT.replace(old, new, 1))
    text = message(file)
    assert text.startswith(str(file))
    assert expected in text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("budget.evaluations", "no key=value"),
        ("budget.evaluatons=+5", "unknown key 'evaluatons'; did you mean evaluations?"),
        ("name=+5", "cannot add '+5' to 'small'; expected +N on a number"),
        ("objectives.7.metric=ttft", "no element '7'; expected 0 to 1"),
        ("space.node=[n3e", "is not a YAML value"),
        ("seed=-1", "seed: found -1"),
        ("name.a=b", "found {'a': 'b'}; expected a valid string"),
        ("objectives.0.metric=b", "nothing can be set inside 'cost_per_mtoken'"),
    ],
)
def test_mistaken_overrides_name_the_override(file, override, expected):
    text = message(file, override)
    assert text.startswith(f"-S {override}")
    assert expected in text


def test_no_such_file(tmp_path):
    assert message(tmp_path / "none.yaml").endswith("none.yaml: no such file")


def test_every_limit_of_the_cost_model_has_a_key():
    assert {split_suffix(key)[0] for key in LimitsFile.model_fields} == set(LIMIT_NAMES)


def test_the_schema_for_editors_is_fresh():
    """`python -m search.experiment` writes it."""
    assert schema_path().read_text(encoding="utf-8") == schema()


def test_the_schema_accepts_the_shipped_experiment():
    import jsonschema
    from ruamel.yaml import YAML

    root = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
    content = json.loads(json.dumps(YAML(typ="safe", pure=True).load(root.read_text())))
    jsonschema.validate(content, json.loads(schema()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "nonsense": 1}, json.loads(schema()))
    assert set(content) <= set(Experiment.model_fields)
