"""Yield: closed forms, limits, an exact sum, Monte-Carlo wafers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from torch import Tensor

from costmodel.economics.yields import clustered, die_yield, gauss_laguerre, harvested
from costmodel.hardware.technology import Technology
from tests.costmodel.economics.packages import MM2, build, die_parts, number
from tests.costmodel.economics.slopes import worst_slope_error

ALPHA = number(3.0)


def exact_yield(uncore: float, core: float, built: int, enabled: int, alpha: float) -> float:
    """Sum of the binomial terms, averaged over 800 points of the gamma density."""
    points, weights = np.polynomial.legendre.leggauss(50)
    edges = [0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1, 1.5, 2, 3, 4.5, 7, 10, 15, 25, 80]
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    density = ((high - low) / 2 * points + (high + low) / 2).ravel()
    weight = ((high - low) / 2 * weights).ravel() * stats.gamma.pdf(density, alpha, scale=1 / alpha)
    enough = stats.binom.sf(enabled - 1, built, np.exp(-core * density))
    return float((weight * np.exp(-uncore * density) * enough).sum())


@given(
    defects=st.floats(1e-6, 8.0),
    share=st.floats(0.0, 1.0),
    cores=st.integers(1, 512),
    alpha=st.floats(1.0, 12.0),
)
def test_without_spare_cores_it_is_the_negative_binomial(
    defects: float, share: float, cores: int, alpha: float
) -> None:
    expected = (1.0 + defects / alpha) ** -alpha
    core = number(defects * share / cores)
    found = harvested(
        number(defects * (1.0 - share)), core, number(cores), number(cores), number(alpha)
    )
    assert float(found) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("most_defects", "least_enabled", "alphas", "bound"),
    [(3.0, 0.85, (2.0, 3.0, 5.0), 1e-6), (6.0, 0.5, (1.5, 3.0, 10.0), 2e-4)],
)
def test_equal_to_the_exact_sum(
    most_defects: float, least_enabled: float, alphas: tuple[float, ...], bound: float
) -> None:
    random = np.random.default_rng(7)
    rows = []
    for _ in range(300):
        built = int(random.integers(1, 513))
        enabled = int(np.clip(np.ceil(built * random.uniform(least_enabled, 1)), 1, built))
        defects = float(np.exp(random.uniform(np.log(0.02), np.log(most_defects))))
        share = float(random.uniform(0.2, 0.95))
        alpha = float(random.choice(alphas))
        rows.append((defects * (1 - share), defects * share / built, built, enabled, alpha))
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)]
    found = harvested(*columns).numpy()
    expected = np.array([exact_yield(*row) for row in rows])
    assert np.abs(found / expected - 1.0).max() < bound


@pytest.mark.parametrize(
    ("uncore", "core", "built", "enabled"),
    [(0.25, 0.004, 144, 132), (0.3, 0.02, 64, 58), (0.8, 0.03, 64, 62), (0.2, 0.1, 16, 15)],
)
def test_monte_carlo_wafers(uncore: float, core: float, built: int, enabled: int) -> None:
    random = np.random.default_rng(1)
    dies = 1_000_000
    density = random.gamma(3.0, 1.0 / 3.0, dies)
    dead_uncore = random.poisson(uncore * density)
    good_cores = random.binomial(built, np.exp(-core * density))
    counted = np.mean((dead_uncore == 0) & (good_cores >= enabled))
    found = harvested(number(uncore), number(core), number(built), number(enabled), ALPHA)
    assert float(found) == pytest.approx(counted, rel=0.01)


def test_monotone() -> None:
    grid = torch.linspace(0.0, 2.0, 41, dtype=torch.float64)
    built, enabled = number(64.0), number(58.0)
    assert (harvested(grid, number(0.02), built, enabled, ALPHA).diff() < 0).all()
    assert (harvested(number(0.3), grid / 20.0, built, enabled, ALPHA).diff() < 1e-12).all()
    kept = torch.linspace(40.0, 64.0, 97, dtype=torch.float64)
    assert (harvested(number(0.3), number(0.03), built, kept, ALPHA).diff() < 0).all()
    made = torch.linspace(58.0, 80.0, 89, dtype=torch.float64)
    assert (harvested(number(0.3), number(0.03), made, enabled, ALPHA).diff() > 0).all()


def test_no_defects_no_loss(technology: Technology) -> None:
    clean = technology.replace("node", "n4p", "defect_density", 0.0)
    pool, areas, _ = build(clean)
    found = die_yield(clean, pool.package.dies[0], areas[0])
    assert float(found.good) == 1.0
    assert float(found.perfect) == 1.0


def test_more_defects_less_yield(technology: Technology) -> None:
    values = []
    for density in (100.0, 500.0, 1000.0, 4000.0):
        worse = technology.replace("node", "n4p", "defect_density", density)
        pool, areas, _ = build(worse)
        values.append(float(die_yield(worse, pool.package.dies[0], areas[0]).good))
    assert values == sorted(values, reverse=True)


def test_harvesting_lies_between_no_spares_and_no_cores(technology: Technology) -> None:
    pool, areas, _ = build(technology)
    found = die_yield(technology, pool.package.dies[0], areas[0])
    assert found.perfect < found.good < found.uncore
    # An 814 mm2 die at 0.08 defects/cm2: negative binomial of 0.651 defects.
    assert float(found.perfect) == pytest.approx((1.0 + 0.6512 / 3.0) ** -3, rel=1e-3)


def test_a_die_without_cores(technology: Technology) -> None:
    pool, _, _ = build(technology, cores=0.0, enabled=0.0)
    area = die_parts(number(400.0 * MM2), number(0.0), number(1.0))
    found = die_yield(technology, pool.package.dies[0], area)
    assert float(found.good) == pytest.approx(float(found.uncore), rel=1e-12)


def test_nodes_and_weights_equal_scipy() -> None:
    for alpha in (1.0, 2.5, 3.0, 10.0):
        nodes, weights = gauss_laguerre(number(alpha), 10)
        expected_nodes, expected_weights = special.roots_genlaguerre(10, alpha - 1.0)
        np.testing.assert_allclose(nodes.numpy(), expected_nodes, rtol=1e-12)
        np.testing.assert_allclose(
            weights.numpy(), expected_weights / expected_weights.sum(), atol=1e-14
        )


@pytest.mark.parametrize("enabled", [54.0, 57.0, 63.5])
def test_slopes(enabled: float) -> None:
    point = {"uncore": 0.3, "core": 0.02, "built": 64.0, "enabled": enabled, "alpha": 3.0}
    assert worst_slope_error(harvested, point) < 1e-6


def test_slopes_are_finite_at_the_corners() -> None:
    for core in (0.0, 1e-12, 5.0):
        for enabled in (1.0, 64.0):
            leaves = [
                number(value).clone().requires_grad_() for value in (0.0, core, 64.0, enabled)
            ]
            slopes = torch.autograd.grad(harvested(*leaves, ALPHA), leaves)
            assert all(torch.isfinite(slope) for slope in slopes)


def test_value_does_not_depend_on_the_batch() -> None:
    random = torch.Generator().manual_seed(3)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(300, dtype=torch.float64, generator=random)

    built = torch.floor(draw(8.0, 200.0))
    rows = (draw(0.0, 1.0), draw(0.0, 0.05), built, torch.ceil(built * draw(0.7, 1.0)))
    whole = harvested(*rows, ALPHA)
    seven = torch.cat([harvested(*(r[i : i + 7] for r in rows), ALPHA) for i in range(0, 300, 7)])
    single = torch.stack([harvested(*(r[i] for r in rows), ALPHA) for i in range(300)])
    square = harvested(*(r[:20].reshape(4, 5) for r in rows), ALPHA)
    assert torch.equal(whole, seven)
    assert torch.equal(whole, single)
    assert torch.equal(whole[:20].reshape(4, 5), square)


def test_sampled_technology(technology: Technology) -> None:
    sampled = technology.sample(5, seed=1)
    pool, areas, _ = build(sampled, die_area=torch.linspace(100.0, 800.0, 3, dtype=torch.float64))
    found = die_yield(sampled, pool.package.dies[0], areas[0]).good
    assert found.shape == (5, 3)
    assert bool(((found > 0) & (found < 1)).all())


def test_clustering_helps() -> None:
    assert clustered(number(1.0), number(2.0)) > clustered(number(1.0), number(10.0))
    assert float(clustered(number(1.0), number(1e9))) == pytest.approx(np.exp(-1.0), rel=1e-8)
