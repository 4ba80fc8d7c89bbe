"""Machines beside each other meet the same terms."""

from __future__ import annotations

import math

import pytest
import torch

from costmodel.evaluate import evaluate
from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.limits import Limits
from costmodel.timing.tables import build_tables
from costmodel.workload.loading import load_workload
from search.evaluation import MAPPINGS, MONEY, Machine
from search.report.build import measure
from search.report.content import Rival
from search.rivals import Contest, compare, plans

NAMES = ("h100", "a100", "trainium2")
LIMITS = Limits(ttft=0.15, tpot=0.012, package_power=600.0)


@pytest.fixture(scope="module")
def lines() -> tuple[Rival, ...]:
    technology = load_technology()
    ours = load_chip("h200", technology)
    contest = Contest(
        workload=load_workload("llama-3.1-70b", "interactive"),
        technology=technology,
        limits=LIMITS,
        objectives=(measure("cost_per_mtoken"), measure("tokens_per_joule")),
        format="fp8",
    )
    return compare(contest, NAMES, [Machine("A", "ours, A", ours.designs)])


def of(lines: tuple[Rival, ...], name: str, mapping: str, money: str) -> list[Rival]:
    return [
        line for line in lines if (line.name, line.mapping, line.money) == (name, mapping, money)
    ]


def test_every_machine_is_in_every_group(lines: tuple[Rival, ...]) -> None:
    for mapping in MAPPINGS:
        for money in MONEY:
            for name in (*NAMES, "A"):
                assert 1 <= len(of(lines, name, mapping, money)) <= 2


def test_shipped_software_is_never_better_than_the_best_mapping(lines: tuple[Rival, ...]) -> None:
    for name in ("h100", "A"):
        costs = {
            mapping: min(
                line.metrics["cost_per_mtoken"]
                for line in of(lines, name, mapping, "manufacturing")
            )
            for mapping in MAPPINGS
        }
        assert costs["optimal"] < costs["library"]


def test_market_price_replaces_what_a_rival_costs_to_make(lines: tuple[Rival, ...]) -> None:
    price = float(load_chip("h100").designs.pools[0].price)
    assert price > 0
    for line in of(lines, "h100", "optimal", "market"):
        assert line.metrics["unit_price"] == pytest.approx(price)
    for line in of(lines, "h100", "optimal", "manufacturing"):
        assert line.metrics["unit_price"] < price


def test_unknown_prices_leave_money_blank(lines: tuple[Rival, ...]) -> None:
    for line in of(lines, "trainium2", "optimal", "market"):
        assert math.isnan(line.metrics["cost_per_mtoken"])
        assert "no market price" in line.note
        assert line.metrics["tokens_per_joule"] > 0


def test_another_format_is_said(lines: tuple[Rival, ...]) -> None:
    for line in of(lines, "a100", "optimal", "manufacturing"):
        assert "int8" in line.plan
        assert "no fp8" in line.note


def test_ours_keeps_all_our_limits(lines: tuple[Rival, ...]) -> None:
    for line in of(lines, "A", "optimal", "manufacturing"):
        assert line.broken == ()
        assert line.metrics["package_power_peak"] <= 600.0


def test_plans_stay_inside_the_domain_and_hold_the_model() -> None:
    technology = load_technology()
    chip = load_chip("h100", technology)
    workload = load_workload("llama-3.1-405b", "interactive")
    grid = plans(chip.designs, technology, workload, "fp8")
    plan = grid.pools[0].deployment
    assert int(plan.tensor_parallel.max()) <= 8
    with torch.no_grad():
        used = evaluate(grid, workload, technology, build_tables())["memory_used"]
    assert bool((used[plan.batch == plan.batch.min()] < 1.5).all())


def test_the_plan_that_a_machine_came_with_is_among_those_tried() -> None:
    technology = load_technology()
    chip = load_chip("h100", technology)
    workload = load_workload("llama-3.1-70b", "interactive")
    (own,) = (pool.deployment for pool in chip.designs.pools)
    plan = plans(chip.designs, technology, workload, "fp8").pools[0].deployment
    same = (plan.tensor_parallel == own.tensor_parallel) & (plan.batch == own.batch)
    assert bool(same.any())
