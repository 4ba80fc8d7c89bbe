"""From names and units to a problem on the cost model."""

import dataclasses
from pathlib import Path

import pytest
import torch

from costmodel.errors import ConfigError
from costmodel.hardware.catalog import load_system
from costmodel.hardware.loading import load_technology
from search.decoding import leaf_at
from search.reading import load
from search.resolve import Resolved, resolve
from tests.search.test_space import draws

QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"


@pytest.fixture(scope="module")
def quickstart() -> Resolved:
    return resolve(load(QUICKSTART))


def message(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(load(QUICKSTART, overrides))
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model=llama-3.1-7b", "model: model 'llama-3.1-7b' is unknown"),
        ("scenario=interactiv", "did you mean 'interactive'?"),
        ("rivals=[h100, h20]", "rivals.1: unknown chip 'h20'"),
        ("template=tpu-v5", "template: unknown chip 'tpu-v5'"),
        ("space.node=[n3e, sf22]", "space.node.1: unknown node 'sf22'; did you mean sf2"),
        ("space.memory=hbm4", "space.memory.0: unknown memory 'hbm4'; did you mean hbm4"),
        ("limits.package_power_W={air: 1, water: 2}", "package_power_W.water: unknown cooling"),
        ("objectives.0.metric=cost_per_mtok", "did you mean cost_per_mtoken"),
        ("sampler={name: tpee}", "sampler.name: unknown sampler 'tpee'; did you mean tpe?"),
        ("sampler={name: tpe, options: {bach: 3}}", "tpe has no option 'bach'"),
        ("sampler={name: tpe, options: {batch: many}}", "sampler.options.batch: found 'many'"),
        ("sampler={name: cma_es}", "cma_es cannot serve 2 objectives"),
        ("space.stacks={range: [2, 11], step: 4}", "steps of 4 from 2 do not reach 11"),
        ("space.stacks=[2.5]", "space.stacks: found 2.5; expected whole numbers"),
        ("space.enabled_fraction=[0.9, 1.1]", "space.enabled_fraction: found 1.1"),
        ("space.batch=[0, 8]", "space.batch: found 0; expected more than 0"),
        ("space.array_rows=[64, 128]", "array_rows beside array"),
        ("space.decode={batch: [8, 16]}", "space.decode: the template has no decode pool"),
    ],
)
def test_mistakes(override, expected):
    text = message(override)
    assert expected in text
    assert text.startswith(f"-S {override}: ") or text.startswith(str(QUICKSTART))


def test_a_sampler_for_one_objective_is_refused_with_what_to_use():
    text = message("sampler={name: cma_es}", "limits={}")
    assert "cannot serve 2 objectives" in text
    assert "nsga2" in text


def test_slow_samplers_are_allowed_with_a_warning():
    resolved = resolve(load(QUICKSTART, ["sampler={name: gp}"]))
    assert "gp slows down beyond about 500 designs" in resolved.warnings[0]


def test_decoded_values_are_in_plain_units(quickstart):
    space = quickstart.problem.space
    x = draws(space, 50)
    designs = quickstart.model.decoder.decode(x)
    technology = load_technology()
    for row in range(50):
        shown = space.describe(x[row].tolist())
        die = "pools.0.package.dies.0."

        def at(path: str, row: int = row) -> float:
            leaf = leaf_at(designs, path)
            return float(leaf.expand(50)[row])

        assert technology.names("node")[int(at(die + "node"))] == shown["node"]
        assert at(die + "array_rows") == at(die + "array_columns") == shown["array"]
        assert at(die + "l1_bytes") == shown["l1_MiB"] * 2**20
        assert at(die + "l2_bytes") == shown["l2_MiB"] * 2**20
        assert at(die + "voltage_logic") == shown["voltage_V"]
        assert at(die + "voltage_sram") == max(shown["voltage_V"], 0.60)
        enabled = int(shown["cores_built"] * shown["enabled_fraction"] + 1e-9)
        assert at(die + "cores_enabled") == enabled
        assert at("pools.0.package.memory.0.stacks") == shown["stacks"]
        assert at("pools.0.package.network.0.link_bandwidth") == 50e9
        assert at("pools.0.deployment.batch") == shown["batch"]


def test_limits_are_converted_once(quickstart):
    limits = quickstart.model.limits
    assert limits.package_power == {"air": 1000.0, "cold_plate": 1600.0}
    assert limits.rack_power == 130e3
    assert limits.junction_temperature == 368.15
    assert limits.die_area == pytest.approx(800e-6)
    assert limits.memory_capacity == pytest.approx(0.92)
    assert limits.current_density == pytest.approx(8e6)
    assert (limits.ttft, limits.tpot, limits.unit_cost) == (0.150, 0.012, 12000.0)
    assert all(getattr(limits, f.name) is not None for f in dataclasses.fields(limits))


def test_a_design_does_not_depend_on_its_batch(quickstart):
    """Through decoding and the cost model: alone and among others, the same bits."""
    x = draws(quickstart.problem.space, 70)
    values = quickstart.problem.space.values(x)
    with torch.no_grad():
        whole = quickstart.model(values, 0.0)
        for row in (0, 33, 69):
            one = quickstart.model(values[row : row + 1], 0.0)
            assert torch.equal(one.metrics[0], whole.metrics[row])
            assert torch.equal(one.violations[0], whole.violations[row])


def test_slopes_reach_every_relaxable_variable(quickstart):
    problem = quickstart.problem
    x = draws(problem.space, 64)

    def weigh(objectives, violations, rows):  # noqa: ARG001
        return torch.ones_like(objectives), torch.ones_like(violations)

    _, slopes = problem.value_and_gradient(x, 1.0, weigh)
    names = problem.space.names
    reached = {names[i] for i in range(len(names)) if bool((slopes[:, i] != 0).any())}
    assert reached == {names[i] for i in problem.space.relaxable}
    assert {"voltage_V", "cores_built", "l1_MiB", "l2_MiB", "stacks", "links"} <= reached


def test_an_exported_design_is_the_same_design(quickstart, tmp_path):
    x = draws(quickstart.problem.space, 8)
    for row in x:
        path = tmp_path / "design.yaml"
        path.write_text(quickstart.model.system(row, "design", "A design"))
        again = load_system(path).designs
        metrics = quickstart.model.evaluate(again).values
        before = quickstart.model.evaluate(quickstart.model.decoder.decode(row)).values
        for name in quickstart.problem.metric_names:
            assert float(metrics[name]) == pytest.approx(float(before[name]), rel=1e-12)
