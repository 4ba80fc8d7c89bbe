"""The technology tables: every number sourced, shapes kept, samples inside their ranges."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from costmodel.errors import DataError
from costmodel.hardware.loading import load_technology
from costmodel.hardware.technology import KINDS
from costmodel.numerics.units import parse_unit, to_si

TECHNOLOGY = load_technology()
# What the model as a whole is entitled to find, by table.
EXPECTED_ROWS = {
    "node": {"n16", "n7", "n6", "n5", "n4p", "n3e", "n3p", "n2", "n2p", "a16", "gf14"}
    | {"8lpp", "5lpe", "sf4", "sf3", "sf2", "sf2p", "sf2z"},
    "machine": {"systolic", "simt", "in_memory"},
    "memory": {"none", "hbm2e_8h", "hbm3_8h", "hbm3e_12h", "hbm4_12h", "hbm4_12h_10p7"},
    "link": {"none", "serdes_112g", "serdes_224g", "nvlink4", "ucie_s", "ucie_a"},
    "topology": {"none", "switch", "switch_reduce", "torus_2d", "torus_3d", "fully_connected"},
    "package": {"silicon_interposer_3p3", "bridge_interposer_5p5", "organic"},
    "cooling": {"air", "cold_plate"},
    "format": {"bf16", "fp16", "int8", "fp8", "fp4"},
    "software": {"simt_optimal", "simt_shipped", "systolic_optimal", "systolic_shipped"},
}


@pytest.mark.parametrize("table", EXPECTED_ROWS)
def test_rows_are_there(table: str) -> None:
    assert EXPECTED_ROWS[table] <= set(TECHNOLOGY.names(table))


@pytest.mark.parametrize("table", ["memory", "link", "topology"])
def test_first_row_is_the_absent_part(table: str) -> None:
    assert TECHNOLOGY.row(table, "none") == 0
    for values in TECHNOLOGY.table(table).columns.values():
        assert float(values[0]) == 0.0


def test_every_value_says_how_it_is_known() -> None:
    seen = 0
    for table, row, column, value in TECHNOLOGY.entries():
        where = f"{table}.{row}.{column}"
        assert value.kind in KINDS, where
        assert value.source, where
        assert all(key in TECHNOLOGY.sources for key in value.source), where
        assert parse_unit(value.unit), where
        assert value.si == to_si(value.value, value.unit), where
        if value.range is not None:
            assert value.range[0] <= value.value <= value.range[1], where
        if value.source == ("unsourced",):
            assert value.kind == "assumed", where
        assert value.line > 0, where
        seen += 1
    assert seen > 900


def test_sources_are_used_and_titled() -> None:
    cited = TECHNOLOGY.citations()
    assert all(source.title for source in cited)
    assert [source.key for source in cited] == sorted(source.key for source in cited)
    assert TECHNOLOGY.citations(["n4p", "n4p"])[0].key == "n4p"


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_at_keeps_the_batch_shape(shape: tuple[int, ...]) -> None:
    rows = torch.randint(0, 5, shape, generator=torch.Generator().manual_seed(0))
    values = TECHNOLOGY.at("node", "wafer_price", rows)
    assert values.shape == shape
    assert values.dtype == torch.float64


def test_values_do_not_depend_on_the_batch() -> None:
    rows = torch.arange(len(TECHNOLOGY.names("node")))
    together = TECHNOLOGY.at("node", "leakage_logic", rows)
    alone = torch.stack([TECHNOLOGY.at("node", "leakage_logic", row) for row in rows])
    assert torch.equal(together, alone)


def test_published_numbers_arrive_in_si() -> None:
    def node(column: str, name: str) -> float:
        return float(TECHNOLOGY.at("node", column, torch.tensor(TECHNOLOGY.row("node", name))))

    assert node("logic_density", "n7") == 91.2e12  # 91.2 MTr/mm2
    assert node("sram_cell_hd", "n2") == 0.0175e-12  # um2
    assert node("defect_density", "sf2") == 3700.0  # 0.37 /cm2
    assert node("wafer_price", "n2") == 30000.0
    assert float(TECHNOLOGY.constant("reticle_width")) == 0.026
    assert float(TECHNOLOGY.constant("memory_overhang")) == 0.003
    assert float(TECHNOLOGY.constant("yield_clustering")) == 3.0
    air = torch.tensor(TECHNOLOGY.row("cooling", "air"))
    assert float(TECHNOLOGY.at("cooling", "resistance_area", air)) == 90e-6
    assert float(TECHNOLOGY.at("cooling", "inlet_temperature", air)) == 308.15


def test_constant_is_zero_dimensional() -> None:
    assert TECHNOLOGY.constant("interest_rate").shape == ()


def test_aliases_name_the_same_row() -> None:
    assert TECHNOLOGY.row("package", "i_cube_s") == TECHNOLOGY.row(
        "package", "silicon_interposer_3p3"
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: TECHNOLOGY.row("node", "n3x"), "did you mean n3"),
        (lambda: TECHNOLOGY.row("memory", "hbm4"), "did you mean hbm4_12h"),
        (lambda: TECHNOLOGY.row("cooling", "zzz"), "expected one of air"),
        (lambda: TECHNOLOGY.at("node", "wafer_prize", torch.tensor(0)), "did you mean wafer_price"),
        (lambda: TECHNOLOGY.table("nodes"), "did you mean node"),
        (lambda: TECHNOLOGY.constant("puee"), "did you mean pue"),
        (lambda: TECHNOLOGY.entry("memory", "none", "bandwidth"), "absent part"),
        (lambda: TECHNOLOGY.replace("node", "n2", "threshold_voltage", 0.2), "is derived"),
    ],
)
def test_unknown_names_are_one_line(call: object, words: str) -> None:
    with pytest.raises(DataError) as caught:
        call()  # type: ignore[operator]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_technology_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TECHNOLOGY.samples = 3  # type: ignore[misc]


class TestReplace:
    def test_changes_one_number_only(self) -> None:
        changed = TECHNOLOGY.replace("node", "n3e", "wafer_price", 12345.0)
        difference = (
            changed.table("node").columns["wafer_price"]
            != TECHNOLOGY.table("node").columns["wafer_price"]
        )
        assert int(difference.sum()) == 1
        assert TECHNOLOGY.entry("node", "n3e", "wafer_price").value == 19000

    def test_derived_numbers_follow(self) -> None:
        n3e = torch.tensor(TECHNOLOGY.row("node", "n3e"))
        changed = TECHNOLOGY.replace("node", "n3e", "energy_iso_speed", 0.50)
        assert not torch.equal(
            changed.at("node", "threshold_voltage", n3e),
            TECHNOLOGY.at("node", "threshold_voltage", n3e),
        )
        anchor = TECHNOLOGY.replace("constant", "threshold_voltage_default", "value", 0.35)
        n7 = torch.tensor(TECHNOLOGY.row("node", "n7"))
        assert float(anchor.at("node", "threshold_voltage", n7)) == 0.35

    def test_carries_gradients(self) -> None:
        value = torch.tensor(19000.0, dtype=torch.float64, requires_grad=True)
        changed = TECHNOLOGY.replace("node", "n3e", "wafer_price", value)
        rows = torch.tensor([TECHNOLOGY.row("node", "n3e"), 0])
        changed.at("node", "wafer_price", rows).sum().backward()
        assert value.grad is not None
        assert float(value.grad) == 1.0


class TestSample:
    sampled = TECHNOLOGY.sample(200, seed=1)

    @pytest.mark.parametrize(
        ("rows", "shape"), [((), (200, 1)), ((7,), (200, 7)), ((200, 7), (200, 7))]
    )
    def test_shapes(self, rows: tuple[int, ...], shape: tuple[int, ...]) -> None:
        row = torch.full(rows, TECHNOLOGY.row("node", "n2"))
        assert self.sampled.at("node", "wafer_price", row).shape == shape
        assert self.sampled.constant("pue").shape == (200, 1)

    def test_batch_shapes_agree(self) -> None:
        rows = torch.tensor([0, 3, 8])
        flat = self.sampled.at("node", "logic_density", rows)
        wide = self.sampled.at("node", "logic_density", rows.expand(200, 3))
        assert torch.equal(flat, wide)
        single = self.sampled.at("node", "logic_density", rows[1])
        assert torch.equal(flat[:, 1:2], single)

    def test_draws_stay_inside_and_around(self) -> None:
        for table, row, column, value in TECHNOLOGY.entries():
            drawn = self.sampled.at(table, column, torch.tensor(TECHNOLOGY.row(table, row)))
            if value.range_si is None:
                assert bool((drawn == value.si).all())
                continue
            low, high = value.range_si
            assert bool((drawn >= low).all())
            assert bool((drawn <= high).all())
            # The median of the distribution is the value; 200 draws have 35 to 65 % below it
            # with probability 1 - 3e-5 each.
            if low < value.si < high:
                below = float((drawn < value.si).double().mean())
                assert 0.33 < below < 0.67, (table, row, column)

    def test_same_seed_same_draws_and_independent_names(self) -> None:
        again = TECHNOLOGY.sample(200, seed=1)
        other = TECHNOLOGY.sample(200, seed=2)
        row = torch.tensor(TECHNOLOGY.row("node", "sf2"))
        first = self.sampled.at("node", "defect_density", row)
        assert torch.equal(first, again.at("node", "defect_density", row))
        assert not torch.equal(first, other.at("node", "defect_density", row))
        shorter = TECHNOLOGY.sample(50, seed=1).at("node", "defect_density", row)
        assert torch.equal(first[:50], shorter)

    def test_voltage_law_stays_defined(self) -> None:
        threshold = self.sampled.table("node").columns["threshold_voltage"]
        nominal = self.sampled.table("node").columns["voltage_nominal"]
        assert threshold.shape == (200, 1, len(TECHNOLOGY.names("node")))
        assert bool((threshold >= 0).all())
        assert bool((threshold < nominal).all())

    def test_a_replaced_number_is_certain(self) -> None:
        changed = TECHNOLOGY.replace("node", "sf2", "defect_density", 1000.0).sample(20, seed=1)
        row = torch.tensor(TECHNOLOGY.row("node", "sf2"))
        assert bool((changed.at("node", "defect_density", row) == 1000.0).all())

    def test_sampling_twice_is_refused(self) -> None:
        with pytest.raises(DataError, match="cannot be sampled again"):
            self.sampled.sample(3, seed=0)
