"""What systems, chips, tables and metrics show: every field, with names and units, no tensors."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest
import torch

import costmodel
from costmodel.hardware import system
from costmodel.hardware.system import Designs, leaves, map_leaves, replace_at
from costmodel.metrics import METRICS
from costmodel.presentation import hardware
from costmodel.presentation.hardware import hardware_page
from costmodel.presentation.metrics import excess, metrics_page, verdict

TECHNOLOGY = costmodel.load_technology()
WORKLOAD = costmodel.load_workload("llama-3.1-70b", "interactive")
TABLES = costmodel.build_tables()
LIMITS = costmodel.Limits(package_power=700.0, tpot=0.02)
TENSORS = re.compile(r"tensor\(|grad_fn|requires_grad|dtype")
RECORDS = [system.Die, system.MemoryTier, system.NetworkTier, system.Package, system.Deployment,
           system.Pool]  # fmt: skip


def h100() -> Designs:
    return costmodel.load_chip("h100").designs


def swept(count: int) -> Designs:
    return replace_at(h100(), "pools.0.deployment.batch", torch.arange(1, count + 1))


def evaluated(designs: Designs, **options: float) -> costmodel.Metrics:
    return costmodel.evaluate(designs, WORKLOAD, TECHNOLOGY, TABLES, limits=LIMITS, **options)


def rows(page) -> dict[str, tuple[str, ...]]:
    """Field -> cells of the first part that has it."""
    found: dict[str, tuple[str, ...]] = {}
    for row in page.sheets[0].rows:
        found.setdefault(row[1], row[2:])
    return found


def test_published_numbers_of_the_h100_are_there_with_units():
    shown = rows(hardware_page(h100()))
    assert shown["cores_enabled"] == ("132",)  # streaming multiprocessors
    assert shown["l2_bytes"] == ("50 MiB",)
    assert shown["links"] == ("18",)
    assert shown["link_bandwidth"] == ("25 GB/s",)
    assert shown["node"] == ("n4",)
    text = str(costmodel.load_chip("h100"))
    for published in ("814 mm2", "700 W", "989 TFLOP/s", "3.35 TB/s", "80 GB"):
        assert published in text


@pytest.mark.parametrize("name", costmodel.list_chips())
def test_every_field_is_shown_unless_it_says_nothing(name):
    designs = costmodel.load_chip(name).designs
    page = hardware_page(designs)
    count = sum(1 for _ in leaves(designs))
    neutral = 0
    for record in walk(designs):
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if isinstance(value, torch.Tensor) and field.name in hardware.NEUTRAL:
                neutral += bool((value == hardware.NEUTRAL[field.name]).all())
    assert len(page.sheets[0].rows) == count - neutral


def walk(record):
    yield record
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(item):
                yield from walk(item)


def test_what_is_said_of_fields_is_about_fields_that_exist():
    known = {field.name for record in RECORDS for field in dataclasses.fields(record)}
    qualified = {
        f"{record.__name__}.{field.name}"
        for record in RECORDS
        for field in dataclasses.fields(record)
    }
    for table in (hardware.CHOICES, hardware.UNITS, hardware.NEUTRAL):
        assert set(table) <= known | qualified
    assert set(hardware.CHOICES.values()) <= set(TECHNOLOGY.tables)


def test_paths_shown_are_paths_that_can_be_replaced():
    designs = h100()
    part = ""
    for first, name, *_ in hardware_page(designs).sheets[0].rows:
        part = first or part
        assert replace_at(designs, f"{part}.{name}", torch.tensor(1)) is not designs


@pytest.mark.parametrize("count", [1, 5, 300])
def test_no_tensor_is_printed(count):
    designs = map_leaves(
        swept(count),
        lambda leaf: leaf.clone().requires_grad_() if leaf.is_floating_point() else leaf,
    )
    metrics = evaluated(designs, relax=0.5)
    assert metrics["tpot"].requires_grad
    shown = (designs, designs.pools[0], designs.pools[0].package.dies[0], metrics,
             metrics.breakdowns["latency"], costmodel.load_chip("h100"), TECHNOLOGY,
             TECHNOLOGY.table("node"), TABLES)  # fmt: skip
    for record in shown:
        assert not TENSORS.search(repr(record)), type(record)
        if record is not TABLES:
            html = record._repr_html_()
            ElementTree.fromstring(html)
            assert not TENSORS.search(html)
            assert len(html) < 60_000


def test_a_large_batch_is_as_short_as_a_small_one():
    assert len(repr(swept(5000)).splitlines()) == len(repr(swept(2)).splitlines())
    assert rows(hardware_page(swept(301)))["batch"] == ("1", "151", "301")


def test_a_row_that_the_tables_do_not_have_is_a_number():
    designs = replace_at(h100(), "pools.0.package.cooling", torch.tensor(99))
    assert rows(hardware_page(designs))["cooling"] == ("row 99",)


def test_names_come_from_the_technology_that_is_given():
    table = dataclasses.replace(TECHNOLOGY.table("cooling"), rows=("liquid helium", "b", "c", "d"))
    other = dataclasses.replace(TECHNOLOGY, tables={**TECHNOLOGY.tables, "cooling": table})
    page = hardware_page(h100(), other)
    assert rows(page)["cooling"] == ("liquid helium",)
    assert hardware.NAMED_BY not in page.notes
    assert hardware.NAMED_BY in hardware_page(h100()).notes


def test_metrics_show_name_value_unit_direction_and_definition():
    metrics = evaluated(h100())
    html = metrics._repr_html_()
    for name in metrics.values:
        spec = METRICS[name]
        assert spec.title.replace("&", "&amp;") in html
        assert f">{name}<" in html
        assert spec.definition.replace("'", "&#x27;").split(" / ")[0] in html
    shown = {row[1]: row[2:] for row in metrics_page(metrics).sheets[0].rows}
    assert shown["network_bandwidth"] == ("450 GB/s", "higher")  # 18 links of 25 GB/s
    assert shown["packages"] == ("8", "lower")
    assert list(shown) == [name for name in METRICS if name in metrics.values]


def test_marks_say_which_limits_hold():
    metrics = evaluated(swept(40))
    for row in metrics_page(metrics).sheets[1].rows:
        mark, name = row[0].split(" ", 1)
        column = metrics.violations[:, metrics.violation_names.index(name.replace(" ", "_"))]
        assert (mark == "✓") == bool((column <= 0).all())
        assert row[1] == f"{100 * float((column <= 0).double().mean()):.1f} %"
    assert verdict(metrics) == f"{int(metrics.feasible.sum())} of 40 meet every limit"


def test_one_design_says_what_it_misses():
    tight = costmodel.Limits(package_power=1.0, tpot=1e-9)
    metrics = costmodel.evaluate(h100(), WORKLOAD, TECHNOLOGY, TABLES, limits=tight)
    assert verdict(metrics) == "misses package power, tpot"
    assert verdict(evaluated(h100())) == "meets every limit"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (-0.0, "0 %"),
        (0.125, "+12.5 %"),
        (-0.5, "-50.0 %"),
        (float("inf"), "∞"),
        (1e-9, "just over"),
        (-4e-4, "just under"),
        (-6e-4, "-0.1 %"),
    ],
)
def test_excess(value, text):
    assert excess(value) == text


def test_a_breakdown_shows_its_largest_parts_first():
    latency = evaluated(h100()).breakdowns["latency"]
    page = repr(latency).splitlines()
    place = int(latency.values.argmax())
    operators = latency.labels[1]
    assert operators[place % len(operators)].replace("_", " ") in page[2]
    assert page[-1] == f"and {latency.values.numel() - 12} smaller parts"


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(costmodel.DataError, match="did you mean tpot"):
        evaluated(h100())["tpott"]


def test_absent_parts_of_a_table_are_dashes():
    lines = repr(TECHNOLOGY.table("memory")).splitlines()
    (none,) = (line for line in lines if line.split()[0] == "none")
    assert set(none.split()[1:]) == {"–"}
