"""Mapping modes: the best mapping looked for, a kernel library's, or tiles that are variables."""

from pathlib import Path

import pytest
import torch

import costmodel
from costmodel.errors import ConfigError
from costmodel.hardware.export import dump_system
from costmodel.hardware.loading import load_technology
from costmodel.timing.mapping import HOLD_ACTIVATION, HOLD_OUTPUT, HOLD_WEIGHT, ORDERS
from search.reading import load
from search.resolve import Resolved, resolve
from tests.search.test_space import draws

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
TILES = ("tile_rows", "tile_columns", "block_rows", "block_columns", "block_depth")


@pytest.fixture(scope="module")
def fixed() -> Resolved:
    return resolve(load(EXPERIMENTS / "tiles.yaml"))


def test_rows_of_the_tables_are_the_codes_of_a_mapping():
    technology = load_technology()
    assert technology.names("loop_order") == ORDERS
    for row, name in enumerate(technology.names("hold")):
        bits = [
            bit * float(technology.at("hold", column, torch.tensor(row)))
            for bit, column in (
                (HOLD_ACTIVATION, "activation"),
                (HOLD_WEIGHT, "weight"),
                (HOLD_OUTPUT, "output"),
            )
        ]
        assert sum(bits) == row, name


def test_stated_tiles_are_what_is_scored(fixed: Resolved):
    """Every variable of the mapping changes the time of some design, and the hardware does not."""
    space = fixed.problem.space
    x = draws(space, 64)
    base = fixed.problem.evaluate(x)
    tpot = fixed.problem.metric_names.index("ttft")
    for name in (*TILES, "loop_order", "depth_pieces", "hold"):
        column = space.index(name)
        assert column is not None
        moved = x.clone()
        moved[:, column] = torch.where(x[:, column] > 0, 0.0, 1.0)
        other = fixed.problem.evaluate(space.canonical(moved))
        assert (other.metrics[:, tpot] != base.metrics[:, tpot]).any(), name
        area = fixed.problem.metric_names.index("die_area")
        assert torch.equal(other.metrics[:, area], base.metrics[:, area])


def test_no_stated_mapping_beats_the_best_one(fixed: Resolved):
    """The mapper's lattice may miss a tile by little; it is never behind by more than 1 %."""
    x = draws(fixed.problem.space, 128)
    stated = fixed.model.decoder.decode(x)
    fits = fixed.problem.evaluate(x)
    limit = fits.violations[:, fixed.problem.violation_names.index("tile_fits")] <= 0
    free = stated
    for index in range(len(stated.pools)):
        free = costmodel.replace_at(
            free, f"pools.{index}.deployment.tile_rows", torch.zeros(len(x)).double()
        )
    workload = costmodel.load_workload("llama-3.1-70b", "interactive")
    technology, tables = costmodel.load_technology(), costmodel.build_tables()
    best = costmodel.evaluate(free, workload, technology, tables)
    for name in ("ttft", "tpot"):
        column = fits.metrics[:, fixed.problem.metric_names.index(name)]
        assert bool(limit.any())
        assert (best[name][limit] <= column[limit] * 1.01).all()


def test_tiles_that_do_not_fit_are_a_violation(fixed: Resolved):
    space = fixed.problem.space
    x = draws(space, 1)
    for name, level in (("l1_MiB", 0), ("tile_rows", 3), ("tile_columns", 3), ("array", 2)):
        x[:, space.index(name)] = float(level)
    result = fixed.problem.evaluate(space.canonical(x))
    # 256 x 512 sums of 4 bytes alone are twice the scratchpad.
    excess = result.violations[0, fixed.problem.violation_names.index("tile_fits")]
    assert float(excess) == pytest.approx((2 * 256 * (256 + 512) + 4 * 256 * 512) / 2**18 - 1)


def test_a_stated_mapping_survives_the_export(fixed: Resolved, tmp_path: Path):
    designs = fixed.model.decoder.decode(draws(fixed.problem.space, 3))
    technology = load_technology()
    for index in range(3):
        file = tmp_path / f"{index}.yaml"
        file.write_text(dump_system(designs, technology, index=index), encoding="utf-8")
        again = costmodel.load_chip(str(file)).designs.pools[0].deployment
        plan = designs.pools[0].deployment
        for name in (*TILES, "depth_pieces", "loop_order", "hold"):
            assert float(getattr(again, name)) == float(getattr(plan, name).expand(3)[index])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["mapping_mode=optimal"], "tile_rows with mapping_mode optimal; expected mapping_mode: f"),
        (["mapping_mode=librari"], "mapping_mode"),
        (["space.hold=[weights]"], "unknown hold 'weights'; did you mean weight"),
        (["space.loop_order=[mmk]"], "unknown loop_order 'mmk'; did you mean"),
        (["space.block_depth=[0]"], "found 0; expected more than 0"),
    ],
)
def test_mistakes(overrides: list[str], expected: str):
    with pytest.raises(ConfigError) as caught:
        resolve(load(EXPERIMENTS / "tiles.yaml", overrides))
    assert expected in str(caught.value)


def test_fixed_without_tiles_names_what_is_missing():
    with pytest.raises(ConfigError) as caught:
        resolve(load(EXPERIMENTS / "quickstart.yaml", ["mapping_mode=fixed"]))
    assert "fixed, without tile_rows, tile_columns, block_rows" in str(caught.value)


def test_a_library_maps_no_better_than_the_best():
    """The same machines under mode library: software as shipped."""
    overrides = ["budget.evaluations=100"]
    optimal = resolve(load(EXPERIMENTS / "quickstart.yaml", overrides))
    library = resolve(load(EXPERIMENTS / "quickstart.yaml", [*overrides, "mapping_mode=library"]))
    x = draws(optimal.problem.space, 32)
    column = optimal.problem.metric_names.index("tpot")
    best = optimal.problem.evaluate(x).metrics[:, column]
    shipped = library.problem.evaluate(x).metrics[:, column]
    assert (shipped > best).all()
