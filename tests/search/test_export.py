"""What leaves a study: confirmed, with units and origin, in every format."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from costmodel.errors import ConfigError, StudyError
from costmodel.hardware.catalog import load_system
from costmodel.metrics import METRICS
from search import manifest
from search.export import FORMATS, PEERS, export, files
from search.exporters import verification
from search.study import Study
from tests.search import toy
from tests.search.test_resolve import QUICKSTART

SMALL = ["budget={evaluations: 128}", "sampler={name: quasi_random, options: {batch: 64}}"]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """A small study on the cost model, with limits wide enough for a front."""
    results = tmp_path_factory.mktemp("results")
    wide = ["limits={}"]
    made = Study.create(QUICKSTART, [*SMALL, *wide], results=results, name="small")
    made.run()
    return Study.open(made.folder)


@pytest.fixture(scope="module")
def written(study, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("best")
    export(study, ["knee", "best:tokens_per_joule"], list(FORMATS), folder, count=2)
    return folder


def test_every_format_writes_its_files(written):
    names = {path.name for path in written.iterdir()}
    designs = ("knee", "tokens_per_joule-1", "tokens_per_joule-2")
    each = {".yaml", ".json", *(peer.suffix for peer in PEERS.values())}
    assert names == {design + suffix for design in designs for suffix in each} | {
        "small.csv",
        "small.csv-metadata.json",
        "small.parquet",
    }


def test_json_has_units_fingerprints_and_sources(written, study):
    record = json.loads((written / "knee.json").read_text())
    origin = record["origin"]
    assert origin["fingerprints"] == manifest.read(study.folder)["fingerprints"]
    assert origin["evaluation"] == record["evaluation"]
    assert {"key", "title"} <= set(origin["sources"][0])
    assert record["units"]["tpot"] == "s"
    assert set(record["units"]) == set(record["metrics"])
    stored = study.best("knee")[0]
    assert record["metrics"] == stored.metrics


def test_csv_keeps_its_names_and_says_units_beside_it(written):
    rows = list(csv.DictReader((written / "small.csv").open(encoding="utf-8")))
    about = json.loads((written / "small.csv-metadata.json").read_text())
    columns = {column["name"]: column for column in about["tableSchema"]["columns"]}
    assert list(columns) == list(rows[0])
    assert about["url"] == "small.csv"
    assert columns["tpot"]["schema:unitText"] == "s"
    assert columns["voltage_V"]["schema:unitText"] == "V"
    assert columns["l2_MiB"]["schema:unitText"] == "MiB"
    assert columns["cores_built"]["schema:unitText"] == "1"
    assert about["dc:provenance"]["fingerprints"]
    for name, spec in METRICS.items():
        if name in columns:
            assert columns[name]["schema:unitText"] == spec.unit


def test_parquet_carries_units_and_origin(written):
    schema = pq.read_schema(written / "small.parquet")
    assert schema.field("tpot").metadata == {b"unit": b"s"}
    assert schema.field("voltage_V").metadata == {b"unit": b"V"}
    origin = json.loads(schema.metadata[b"scoville"])
    assert origin["fingerprints"]["code"]
    assert any(source["key"] == "jouppi21" for source in origin["sources"])
    assert any("hidden_fill" in text for text in origin["assumed"])


def test_numbers_survive_the_round_trip(written, study):
    """YAML, CSV and Parquet give back what the study stores, to the last bit."""
    designs = [study.best("knee")[0], *study.best("tokens_per_joule", 2)]
    table = pq.read_table(written / "small.parquet").to_pylist()
    rows = list(csv.DictReader((written / "small.csv").open(encoding="utf-8")))
    for design, row, text in zip(designs, table, rows, strict=True):
        for name, value in design.metrics.items():
            assert row[name] == value == float(text[name])
    chip = load_system(written / "knee.yaml", study.resolved.model.technology)
    again = study.resolved.model.evaluate(chip.designs)
    for name, value in designs[0].metrics.items():
        assert float(again[name]) == pytest.approx(value, rel=1e-12), name


def test_yaml_says_where_it_comes_from_before_and_after(written, study):
    text = (written / "knee.yaml").read_text()
    prints = manifest.read(study.folder)["fingerprints"]
    assert text.startswith("# study: small, evaluation ")
    flat = " ".join(text.replace("#", " ").split())
    assert prints["code"] in flat
    assert prints["data"] in flat
    assert text.index("pools:") < text.index("# sources:")


def test_notes_say_what_a_peer_cannot_express(study):
    for file in files(study, ["knee"], list(PEERS)):
        assert len(file.notes) >= 4, file.name
        assert any("left out" in note or "not a field" in note for note in file.notes)


def _tampered(study: Study, row: int, metric: str, factor: float) -> Study:
    other = Study.open(study.folder)
    other.pareto()
    column = other.problem.metric_names.index(metric)
    other.problem.archive["metrics"][row, column] *= factor
    return other


def test_a_figure_that_cannot_be_confirmed_is_not_written(study, tmp_path):
    """One bit of one metric is enough."""
    row = study.best("knee")[0].number
    column = study.problem.metric_names.index("ttft")
    value = float(study.problem.archive["metrics"][row, column])
    factor = np.nextafter(value, np.inf) / value
    wrong = _tampered(study, row, "ttft", factor)
    with pytest.raises(StudyError) as caught:
        export(wrong, [str(row)], ["json", "accelforge"], tmp_path / "out")
    text = str(caught.value)
    assert f"evaluation {row} gives ttft {value!r} now" in text
    assert "--rescore" in text
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out").exists()


def test_a_changed_model_is_refused_with_the_next_step(study, tmp_path):
    copy = tmp_path / "small"
    shutil.copytree(study.folder, copy)
    content = manifest.read(copy)
    content["fingerprints"]["code"] = "0" * 32
    manifest.write(copy, content)
    with pytest.raises(StudyError, match=r"cost model.*changed.*--rescore"):
        export(Study.open(copy), ["knee"], ["json"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_experiment_is_refused(study, tmp_path):
    copy = tmp_path / "small"
    shutil.copytree(study.folder, copy)
    path = copy / "experiment.yaml"
    path.write_text(path.read_text().replace("volume: 100000", "volume: 200000"))
    with pytest.raises(StudyError, match=r"experiment\.yaml .* changed"):
        export(Study.open(copy), ["knee"], ["json"], tmp_path / "out")


def test_an_infinite_violation_is_confirmed_too(study):
    """Overflow is stored as infinity; it equals itself."""
    design = study.best("knee")[0]
    name = next(iter(design.violations))
    odd = dataclasses.replace(design, violations={**design.violations, name: float("inf")})
    with pytest.raises(StudyError, match=f"violation of {name}"):
        verification.verify(study, [odd])
    verification.verify(study, [design])


@pytest.mark.parametrize(
    ("name", "hint"),
    [("yml", "did you mean yaml?"), ("zig-zag", "did you mean zigzag?"),
     ("timeloop", "did you mean accelforge?"), ("xml", "expected one or several of yaml,json,csv")],
)  # fmt: skip
def test_an_unknown_format(study, tmp_path, name, hint):
    with pytest.raises(ConfigError, match="cannot write") as caught:
        export(study, ["knee"], [name], tmp_path / "out")
    assert hint in str(caught.value)
    assert "accelforge,zigzag,scalesim,llmcompass,genz" in str(caught.value)


def test_a_study_of_another_model_has_tables_but_no_systems(tmp_path):
    made = toy.study(tmp_path, "random", 64)
    made.run()
    export(made, ["knee"], ["json", "csv", "parquet"], tmp_path / "out")
    record = json.loads((tmp_path / "out" / "knee.json").read_text())
    assert record["origin"]["sources"] == []
    with pytest.raises(StudyError, match="no systems to write"):
        export(made, ["knee"], ["yaml"], tmp_path / "out")
