"""Laws of the whole chain from record to temperature: batches, slopes, samples."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from costmodel.hardware.system import Pool, leaves, map_leaves, replace_at
from costmodel.physics.area import package_areas
from costmodel.physics.clock import package_clocks
from costmodel.physics.energy import operator_energy
from costmodel.physics.floorplan import plan
from costmodel.physics.power import package_power
from costmodel.physics.thermal import refresh_loss, solve
from tests.costmodel.physics.machines import (
    TECHNOLOGY,
    compute_die,
    io_die,
    mapped,
    memory,
    network,
    package,
    pool,
    row,
)

RANGES = {
    "package.dies.0.voltage_logic": (0.55, 0.9),
    "package.dies.0.voltage_sram": (0.62, 0.9),
    "package.dies.0.cores_enabled": (20.0, 64.0),
    "package.dies.0.l1_bytes": (2.0**18, 2.0**22),
    "package.dies.0.l2_bytes": (2.0**23, 2.0**28),
    "package.memory.0.stacks": (2.1, 11.9),
    "package.network.0.links": (4.0, 36.0),
    "package.dies.0.vector_lanes": (64.0, 512.0),
}


def batch_of(count: int, seed: int = 3) -> Pool:
    """Designs that differ in every continuous variable and some choices."""
    generator = torch.Generator().manual_seed(seed)
    whole = pool(package((compute_die(count=2), io_die(count=0))))
    whole = map_leaves(whole, lambda leaf: leaf.expand(count))
    for path, (low, high) in RANGES.items():
        value = low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)
        whole = replace_at(whole, path, value)
    nodes = torch.tensor([TECHNOLOGY.row("node", name) for name in ("n3e", "n3p", "n2", "sf2")])
    choice = torch.randint(0, 4, (count,), generator=generator)
    whole = replace_at(whole, "package.dies.0.node", nodes[choice])
    cooling = torch.stack([row("cooling", "air"), row("cooling", "cold_plate")])
    return replace_at(whole, "package.cooling", cooling[choice % 2])


def chain(system: Pool, relax: float = 0.0, technology=TECHNOLOGY) -> dict[str, Tensor]:
    """Every number that physics hands on."""
    whole = system.package
    shape = torch.broadcast_shapes(*(leaf.shape for leaf in leaves(system)))
    work = mapped(tuple(shape))
    areas = package_areas(technology, whole)
    laid = plan(technology, whole, areas, relax)
    clocks = package_clocks(technology, whole)
    energy = operator_energy(technology, system, work, areas)
    step = work.step * 1.25
    power = package_power(technology, system, work, energy, areas, clocks, step)
    thermal = solve(technology, system, power, areas)
    named = {
        "clock": clocks[0],
        "area": areas[0].parts,
        "uncore": areas[0].uncore,
        "width": laid.width,
        "edge": laid.edge_violation,
        "reticle": laid.reticle_violation,
        "interposer": laid.interposer_violation,
        "energy": energy.values,
        "power": power.values,
        "stacks": power.stacks,
        "refresh": refresh_loss(technology, system, thermal.memory_peak),
    }
    floats = (
        field.name
        for field in dataclasses.fields(thermal)
        if field.name not in ("peak_phase", "runaway")
    )
    return named | {name: getattr(thermal, name) for name in floats}


def test_a_design_does_not_see_its_batch() -> None:
    # Chunks are padded to one size; within it, place and neighbours must not matter.
    designs = batch_of(300)
    whole = chain(designs)
    for count in (1, 7):
        index = torch.arange(64).clamp_max(count - 1)
        few = chain(map_leaves(designs, lambda leaf, index=index: leaf[index]))
        for name, values in few.items():
            assert torch.equal(values[:count], whole[name][:count]), name
    for start in (0, 64, 236):
        index = torch.arange(start, start + 64)
        some = chain(map_leaves(designs, lambda leaf, index=index: leaf[index]))
        for name, values in some.items():
            assert torch.equal(values, whole[name][start : start + 64]), name


def test_batch_shapes_agree() -> None:
    designs = batch_of(20)
    flat = chain(designs)
    grid = chain(map_leaves(designs, lambda leaf: leaf.reshape(4, 5)))
    for name, values in grid.items():
        torch.testing.assert_close(values.reshape(flat[name].shape), flat[name], rtol=1e-14, atol=0)
    single = chain(map_leaves(designs, lambda leaf: leaf[3]))
    for name, values in single.items():
        torch.testing.assert_close(values, flat[name][3], rtol=1e-14, atol=0)


def scalar(named: dict[str, Tensor]) -> dict[str, Tensor]:
    """One number a design for each output ``[B]``."""
    return {name: value.reshape(value.shape[0], -1).sum(-1) for name, value in named.items()}


@pytest.mark.parametrize("relax", [1.0, 0.3])
@pytest.mark.parametrize("path", list(RANGES))
def test_slopes_equal_differences(path: str, relax: float) -> None:
    designs = batch_of(60, seed=11)
    low, high = RANGES[path]
    step = 1e-4 * (high - low)
    base = designs
    for part in path.split("."):
        base = base[int(part)] if part.isdigit() else getattr(base, part)  # type: ignore
    assert isinstance(base, Tensor)
    leaf = base.clone().requires_grad_()
    values = scalar(chain(replace_at(designs, path, leaf), relax))
    with torch.no_grad():
        ahead, behind, far_ahead, far_behind = (
            scalar(chain(replace_at(designs, path, base + shift * step), relax))
            for shift in (1, -1, 2, -2)
        )
    compared = 0
    for name, value in values.items():
        if not value.requires_grad:
            continue
        (slope,) = torch.autograd.grad(value.sum(), leaf, retain_graph=True, allow_unused=True)
        slope = torch.zeros_like(leaf) if slope is None else slope
        assert torch.isfinite(slope).all(), name
        near = (ahead[name] - behind[name]) / (2 * step)
        far = (far_ahead[name] - far_behind[name]) / (4 * step)
        difference = (4 * near - far) / 3
        # A slope is compared against itself, or against a millionth of output over range.
        floor = 1e-6 * value.detach().abs().max() / (high - low) + 1e-300
        # Points at a kink (a bound of the aspect, a full side) have no slope to compare.
        smooth = (near - far).abs() <= 1e-4 * near.abs() + 100.0 * floor
        assert smooth.double().mean() > 0.9, name
        error = (slope - difference).abs() / (difference.abs() + floor)
        assert error[smooth].max() < 1e-5, name
        compared += int(smooth.sum())
    assert compared > 500


def test_more_voltage_is_more_power_and_more_heat() -> None:
    voltage = torch.linspace(0.55, 0.9, 36, dtype=torch.float64)
    designs = map_leaves(pool(), lambda leaf: leaf.expand(36))
    designs = replace_at(designs, "package.dies.0.voltage_logic", voltage)
    found = chain(replace_at(designs, "package.dies.0.voltage_sram", voltage.clamp_min(0.6)))
    for name in ("clock", "power_peak", "junction_peak", "power_average"):
        assert (found[name].diff() > 0).all(), name


def test_sampled_technology_gives_a_row_of_samples() -> None:
    sampled = TECHNOLOGY.sample(5, seed=1)
    designs = batch_of(7)
    found = chain(designs, technology=sampled)
    one = chain(designs)
    for name, values in found.items():
        assert values.shape[0] == 5, name
        assert values.shape[1:] == one[name].shape or values.shape[1] == 1, name
        assert torch.isfinite(values).all(), name
    assert (found["power_peak"].std(0) > 0).all()


def test_everything_is_finite_at_the_corners() -> None:
    for dies in (
        (compute_die(l2_bytes=0, l1_bytes=0, vector_lanes=0),),
        (compute_die(count=2, voltage_logic=0.30, voltage_sram=0.30),),
        (compute_die(voltage_logic=2.0, voltage_sram=2.0, cores_built=4000, cores_enabled=4000),),
        (compute_die(count=8), io_die(count=4, l2_bytes=2.0**26)),
    ):
        for tiers in ((), (memory("none", 0),), (memory("hbm4_12h", 12),)):
            for links in ((), (network("none", 0),), (network(links=36),)):
                for kind in ("organic", "stacked_interposer_3p3"):
                    found = chain(pool(package(dies, tiers, links, kind=kind)))
                    for name, values in found.items():
                        assert torch.isfinite(values).all(), (name, kind)
