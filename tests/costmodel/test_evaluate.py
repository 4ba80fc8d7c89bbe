"""The whole chain: bounds, batches, structures, uncertainty, slopes."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from costmodel.evaluate import evaluate, evaluate_pool
from costmodel.hardware.catalog import list_chips, load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import Designs, map_leaves, replace_at
from costmodel.limits import Limits
from costmodel.metrics import METRICS, Metrics
from costmodel.timing.tables import build_tables
from costmodel.workload import load_workload

TECHNOLOGY = load_technology()
TABLES = build_tables()
WORKLOAD = load_workload("llama-3.1-70b", "prefill-2048-decode-4096")
LIMITS = Limits(
    package_power={"air": 1000.0, "cold_plate": 1600.0}, rack_power=130e3,
    junction_temperature=368.15, memory_temperature=368.15, die_area=800e-6,
    memory_capacity=0.92, current_density=8e6, ttft=0.15, tpot=0.012, unit_cost=12000.0,
)  # fmt: skip


def run(designs: Designs, **changes: object) -> Metrics:
    return evaluate(designs, WORKLOAD, TECHNOLOGY, TABLES, limits=LIMITS, **changes)


def h100(**leaves: float) -> Designs:
    designs = load_chip("h100", TECHNOLOGY).designs
    for path, value in leaves.items():
        place = path.replace("__", ".")
        designs = replace_at(designs, f"pools.0.{place}", torch.tensor(value))
    return designs


def spread(count: int, chip: str = "h100") -> Designs:
    """Designs that differ in batch, parallelism and L2."""
    designs = load_chip(chip, TECHNOLOGY).designs
    index = torch.arange(count)
    for path, value in (
        ("deployment.batch", 1 + 7 * index % 300),
        ("deployment.tensor_parallel", 2 ** (index % 4)),
        ("package.dies.0.l2_bytes", 1e7 * (1.0 + index.double() % 5)),
    ):
        designs = replace_at(designs, f"pools.0.{path}", value)
    return designs


def test_no_time_is_below_its_bound():
    """Operations at peak, bytes at peak bandwidth: by hand from the spec sheet."""
    bf16 = TECHNOLOGY.row("format", "bf16")
    metrics = run(h100(deployment__format=bf16))
    model = WORKLOAD.model
    body = model.layers * model.layer_parameters
    assert metrics["ttft"] > 2 * body * 2048 / (8 * 989e12)
    moved = 2 * (body + model.head_parameters) + 2 * 32 * 4096 * model.kv_elements_per_token
    assert metrics["tpot"] > moved / (8 * 3.35e12)


@pytest.mark.parametrize("chip", ["h100", "trainium2"])
@pytest.mark.parametrize("size", [1, 7, 65])
def test_a_design_does_not_depend_on_its_batch(size, chip):
    """Narrow pieces, wide ones and padding give the same bits."""
    designs = spread(600, chip)
    whole = run(designs)
    part = run(map_leaves(designs, lambda leaf: leaf[:size] if leaf.dim() else leaf))
    for name, value in part.values.items():
        assert torch.equal(value, whole[name][:size]), name
    assert torch.equal(part.violations, whole.violations[:size])


def test_batch_shapes_agree():
    flat = run(spread(20))
    shaped = run(map_leaves(spread(20), lambda leaf: leaf.reshape(4, 5) if leaf.dim() else leaf))
    assert shaped["tpot"].shape == (4, 5)
    assert torch.equal(shaped["tpot"].reshape(20), flat["tpot"])
    time = shaped.breakdowns["time"]
    assert time.values.shape == (4, 5, *(len(labels) for labels in time.labels))
    single = run(map_leaves(spread(20), lambda leaf: leaf[3] if leaf.dim() else leaf))
    assert single["tpot"].shape == ()
    assert torch.equal(single["tpot"], flat["tpot"][3])


def test_sampled_technology_gives_samples_by_designs():
    sampled = TECHNOLOGY.sample(3, seed=2)
    metrics = evaluate(spread(5), WORKLOAD, sampled, TABLES, limits=LIMITS)
    assert metrics["cost_per_mtoken"].shape == (3, 5)
    assert metrics.violations.shape[:2] == (3, 5)
    assert metrics["cost_per_mtoken"].std(0).min() > 0


@pytest.mark.parametrize("name", list_chips())
def test_every_known_chip_evaluates(name):
    metrics = run(load_chip(name, TECHNOLOGY).designs)
    assert all(torch.isfinite(value).all() for value in metrics.values.values())
    assert not torch.isnan(metrics.violations).any()
    assert set(metrics.values) == set(METRICS)


def test_two_pools_add_money_and_join_phases():
    """The same package in two roles serves as it does in one: time and energy add up."""
    pool = load_chip("h100", TECHNOLOGY).designs.pools[0]
    one = run(Designs((pool,)))
    split = Designs(tuple(dataclasses.replace(pool, role=role) for role in ("prefill", "decode")))
    two = run(split)
    for name in ("ttft", "tpot", "package_seconds_per_request", "unit_cost"):
        assert two[name].item() == pytest.approx(one[name].item(), rel=1e-12)
    assert {"0.prefill.time", "1.decode.time"} <= set(two.breakdowns)


def test_a_slower_tier_does_not_lend_its_capacity_at_full_speed():
    """A second memory tier may cost money; weights and cache stay in the nearest one."""
    designs = load_chip("h100", TECHNOLOGY).designs
    package = designs.pools[0].package
    slow = dataclasses.replace(
        package.memory[0],
        kind=torch.tensor(TECHNOLOGY.row("memory", "lpddr5x_x64")),
        stacks=torch.tensor(8),
    )
    wider = dataclasses.replace(package, memory=(*package.memory, slow))
    both = run(Designs((dataclasses.replace(designs.pools[0], package=wider),)))
    one = run(designs)
    assert torch.equal(both["memory_used"], one["memory_used"])
    # The same bandwidth; only refresh may differ, by the temperature of the hottest device.
    assert both["tpot"].item() == pytest.approx(one["tpot"].item(), rel=0.01)
    assert both["unit_cost"] > one["unit_cost"]


def test_breakdowns_add_up_to_what_is_reported():
    metrics = run(h100())
    pool = load_chip("h100", TECHNOLOGY).designs.pools[0]
    latency = metrics.breakdowns["latency"].values.sum(-1)
    assert latency[0].item() == pytest.approx(metrics["ttft"].item(), rel=1e-12)
    assert latency[1].item() == pytest.approx(metrics["tpot"].item(), rel=1e-12)
    cost = metrics.breakdowns["cost"].values.sum()
    assert cost.item() == pytest.approx(metrics["unit_cost"].item(), rel=1e-12)
    power = metrics.breakdowns["power"].values.sum(-1).max()
    assert power.item() == pytest.approx(metrics["package_power_peak"].item(), rel=1e-9)
    area = metrics.breakdowns["area"].values.sum()
    assert area.item() == pytest.approx(metrics["die_area"].item(), rel=1e-9)
    batch = map_leaves(pool, lambda leaf: leaf.expand(1))
    energy = evaluate_pool(batch, WORKLOAD, TECHNOLOGY, TABLES).energy
    assert metrics.breakdowns["energy"].labels[2] == energy.parts


def test_limits_are_signed_and_named():
    metrics = run(h100())
    names = metrics.violation_names
    value = dict(zip(names, metrics.violations.tolist(), strict=True))
    assert value["tpot"] == pytest.approx(metrics["tpot"].item() / 0.012 - 1.0)
    rise = (metrics["junction_temperature"].item() - 368.15) / (368.15 - 308.15)
    assert value["junction_temperature"] == pytest.approx(rise)
    relaxed = evaluate(h100(), WORKLOAD, TECHNOLOGY, TABLES, limits=LIMITS.without("tpot"))
    assert "tpot" not in relaxed.violation_names
    assert set(names) - set(relaxed.violation_names) == {"tpot"}
    alone = h100(deployment__tensor_parallel=16)
    wide = run(alone)
    assert wide.violations[names.index("tensor_parallel_domain")] > 0


@pytest.mark.parametrize("width", [1.0, 0.3])
def test_slopes_equal_finite_differences(width):
    """Elasticities of three metrics to voltage and L2, relative step 1e-4."""
    paths = ("pools.0.package.dies.0.voltage_logic", "pools.0.package.dies.0.l2_bytes")
    for path in paths:
        base = load_chip("h100", TECHNOLOGY).designs
        value = base
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, tuple) else getattr(value, part)
        scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
        live = run(replace_at(base, path, value * torch.exp(scale)), relax=width)
        for name in ("cost_per_mtoken", "package_power_peak", "junction_temperature"):
            (slope,) = torch.autograd.grad(torch.log(live[name]), scale, retain_graph=True,
                                           allow_unused=True, materialize_grads=True)  # fmt: skip
            high, low = (
                torch.log(run(replace_at(base, path, value * factor), relax=width)[name])
                for factor in (1 + 1e-4, 1 - 1e-4)
            )
            difference = (high - low).item() / 2e-4
            assert slope.item() == pytest.approx(difference, rel=1e-5, abs=1e-8)
