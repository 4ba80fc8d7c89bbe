"""What every sampler must do: the suite that a new sampler has to pass."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from search.samplers import SAMPLERS, refusal
from search.samplers.incumbents import Incumbents
from search.samplers.proposer import front_scale, rank_value, scalarise, simplex_weights
from search.samplers.trials import distributions, from_parameters, to_parameters
from tests.search import toy
from tests.search.test_space import draws

NAMES = (*SAMPLERS, "phases")
BUDGET = {"gp": 6, "tpe": 32}


@cache
def usual(name: str, seed: int = 3):
    """The problem after a small search, with what that search left in its archive and meter."""
    return searched(name, toy.problem_for(name), BUDGET.get(name, 300), seed)


def searched(name: str, problem, evaluations: int, seed: int = 3):
    with tempfile.TemporaryDirectory() as folder:
        toy.study(Path(folder) / "study", name, evaluations, problem, seed).run()
    return problem


@pytest.mark.parametrize("name", NAMES)
def test_designs_are_canonical_and_inside_the_space(name):
    x = torch.from_numpy(usual(name).archive["x"].copy())
    problem = toy.problem_for(name)
    low, high = problem.space.bounds()
    assert ((x >= low) & (x <= high)).all()
    assert torch.equal(problem.space.canonical(x), x)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_designs(name):
    budget = BUDGET.get(name, 300)
    same = searched(name, toy.problem_for(name), budget).archive["x"]
    first, other = usual(name).archive["x"], usual(name, 4).archive["x"]
    assert np.array_equal(first, same)
    assert not np.array_equal(first[: len(other)], other[: len(first)])


@pytest.mark.parametrize("name", NAMES)
def test_the_budget_is_kept(name):
    assert usual(name).meter.charged <= BUDGET.get(name, 300)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cma_es"])
@pytest.mark.parametrize("objectives", [1, 3])
def test_any_number_of_objectives(name, objectives):
    problem = searched(name, toy.problem(objectives), BUDGET.get(name, 200))
    assert problem.archive.count > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cma_es"])
def test_a_start_without_feasible_designs(name):
    """With a limit that almost no design meets, violations must guide."""
    problem = searched(name, toy.problem(power_limit=17.0), BUDGET.get(name, 400))
    total = np.maximum(problem.archive["violations"], 0).sum(1)
    if name in ("coordinate_descent", "evolution", "phases", "gradient", "nsga2", "nsga3"):
        assert total.min() == 0
        third = len(total) // 3
        assert np.median(total[-third:]) < np.median(total[:third])


@pytest.mark.parametrize("name", ["coordinate_descent", "evolution"])
def test_the_optimum_of_a_space_that_can_be_enumerated(name):
    problem = searched(name, toy.problem(1, continuous=False), 3000)
    best = toy.enumerate_feasible(toy.problem(1, continuous=False)).amin()
    feasible = (problem.archive["violations"] <= 0).all(1)
    found = problem.objectives(torch.from_numpy(problem.archive["metrics"][feasible])).amin()
    assert found == best


@pytest.mark.parametrize("name", ["coordinate_descent", "evolution"])
def test_the_whole_front_is_approached(name):
    """Hypervolume of the front found against that of the enumerated front."""
    from search.pareto import hypervolume

    every = toy.enumerate_feasible(toy.problem(2, continuous=False)).numpy()
    problem = searched(name, toy.problem(2, continuous=False), 2500)
    feasible = (problem.archive["violations"] <= 0).all(1)
    found = problem.objectives(torch.from_numpy(problem.archive["metrics"][feasible])).numpy()
    reference = every.max(0)
    assert hypervolume(found, reference) > 0.99 * hypervolume(every, reference)


def test_better_than_sampling():
    """A search that does not beat its own random start does not search."""

    def best(name):
        problem = searched(name, toy.problem(1), 1000)
        feasible = (problem.archive["violations"] <= 0).all(1)
        return float(
            problem.objectives(torch.from_numpy(problem.archive["metrics"][feasible])).amin()
        )

    sampled = best("quasi_random")
    for name in ("coordinate_descent", "evolution", "phases"):
        assert best(name) < sampled


def test_a_gradient_improves_on_its_starts():
    problem = toy.problem(1)
    sampler = toy.proposer("gradient", problem)
    state = sampler.initial()
    x = sampler.propose(state, 0, 3)
    state = sampler.update(state, x, problem.evaluate(x))
    before = state["objectives"].clone()
    for number in range(1, 7):
        x = sampler.propose(state, number, 3)
        state = sampler.update(state, x, problem.evaluate(x))
    assert (state["objectives"] <= before).all()
    assert (state["objectives"] < before).double().mean() > 0.9


def test_samplers_that_cannot_do_it_are_refused_with_what_can():
    space = toy.space(choices=False)
    found, expected = refusal("cma_es", space, 1, 2)
    assert "cannot honour limits" in found
    assert "coordinate_descent" in expected
    assert "quasi_random" not in expected
    found, expected = refusal("cma_es", space, 2, 0)
    assert "cannot serve 2 objectives" in found
    assert "nsga2" in expected
    assert "kind" in refusal("cma_es", toy.space(), 1, 0)[0]
    assert refusal("cma_es", space, 1, 0) is None
    assert all(refusal(name, toy.space(), 3, 5) is None for name in SAMPLERS if name != "cma_es")


def test_every_sampler_says_how_it_treats_limits_and_objectives():
    for sampler in SAMPLERS.values():
        assert bool(sampler.honours_limits) != bool(sampler.refuses_limits)
        assert bool(sampler.several_objectives) != bool(sampler.refuses_several)
        assert sampler.title


def test_designs_go_to_optuna_and_back():
    space = toy.space()
    x = draws(space, 200)
    parameters = [to_parameters(space, row) for row in x]
    assert torch.equal(space.canonical(from_parameters(space, parameters)), x)
    names = distributions(space)
    assert set(parameters[0]) == set(names) == {"units", "stacks", "cache_level", "voltage", "kind"}
    for row in parameters:
        for name, distribution in names.items():
            assert distribution._contains(distribution.to_internal_repr(row[name]))


def test_weight_vectors_are_even_and_sum_to_one():
    for objectives, count, expected in ((1, 9, 1), (2, 9, 9), (3, 10, 10), (3, 12, 10)):
        weights = simplex_weights(objectives, count)
        assert weights.shape == (expected, objectives)
        assert torch.allclose(weights.sum(-1), torch.ones(expected).double())


def test_feasible_designs_rank_before_all_others():
    scalar = torch.tensor([1e9, -5.0, 0.0, -1e300, 3.0]).double()
    violation = torch.tensor([0.0, 0.0, 1e-9, 5.0, torch.inf]).double()
    rank = rank_value(scalar, violation)
    assert rank[1] < rank[0] < rank[2] < rank[3] < rank[4]


def test_scalarising_reaches_a_concave_part_of_a_front():
    """Weighted sums cannot find the middle point; the Chebyshev distance does."""
    objectives = torch.tensor([[0.0, 1.0], [0.6, 0.6], [1.0, 0.0]]).double()
    ideal, span = front_scale(objectives, torch.ones(3, dtype=torch.bool))
    even = torch.tensor([0.5, 0.5]).double()
    assert int(scalarise(objectives, even, ideal, span).argmin()) == 1


def test_incumbents_keep_the_best_of_their_own_pool():
    problem = toy.problem(2)
    incumbents = Incumbents(simplex_weights(2, 3), pools=2)
    x = draws(problem.space, 60)
    evaluation = problem.evaluate(x)
    pool = torch.arange(60) % 2
    state, better = incumbents.absorb(incumbents.empty(x.shape[1]), x, evaluation, pool)
    assert better.all()
    for chain in range(6):
        rows = (x == state["x"][chain]).all(-1).nonzero().ravel()
        assert any(int(row) % 2 == chain // 3 for row in rows)
    same, better = incumbents.absorb(state, x, evaluation, pool)
    assert not better.any()
    assert torch.equal(same["x"], state["x"])
