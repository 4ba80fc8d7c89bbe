"""What single samplers find and refuse; what all must do is in test_conformance."""

import tempfile
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch

from search.problem import Goal, Problem
from search.samplers import SAMPLERS, Phase, Phases, refusal
from search.samplers.incumbents import Incumbents
from search.samplers.optuna_samplers import (
    GP,
    NSGA2,
    NSGA3,
    TPE,
    Numbers,
    OneLimitTrial,
    Sobol,
    squashed,
)
from search.samplers.proposer import front_scale, rank_value, scalarise, simplex_weights
from search.samplers.quasi_random import QuasiRandom
from search.samplers.trials import distributions, from_parameters, to_parameters
from search.space import Space
from search.testing.problems import Bowl
from tests.search import toy
from tests.search.test_space import draws


def searched(name: str, problem, evaluations: int, seed: int = 3):
    with tempfile.TemporaryDirectory() as folder:
        toy.study(Path(folder) / "study", name, evaluations, problem, seed).run()
    return problem


def test_phases_follow_one_another_and_are_decided_by_the_seed():
    first = searched("phases", toy.problem(), 600)
    x = torch.from_numpy(first.archive["x"].copy())
    assert torch.equal(first.space.canonical(x), x)
    assert first.meter.charged <= 600
    assert np.array_equal(searched("phases", toy.problem(), 600).archive["x"], x)
    other = searched("phases", toy.problem(), 600, seed=4).archive["x"]
    assert not np.array_equal(other[:100], x[:100])


def test_phases_without_feasible_designs_at_the_start():
    """With a limit that almost no design meets, violations must guide."""
    problem = searched("phases", toy.problem(power_limit=17.0), 400)
    total = np.maximum(problem.archive["violations"], 0).sum(1)
    third = len(total) // 3
    assert total.min() == 0
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
    assert refusal("cma_es", space, 1, 2) is None
    found, expected = refusal("cma_es", space, 2, 0)
    assert "cannot serve 2 objectives" in found
    assert "nsga2" in expected
    assert "kind" in refusal("cma_es", toy.space(), 1, 0)[0]
    assert all(refusal(name, toy.space(), 3, 5) is None for name in SAMPLERS if name != "cma_es")


class Proud(QuasiRandom):
    name = "proud"
    honours_limits = ""
    refuses_limits = "it knows none"


def test_a_sampler_that_cannot_honour_limits_names_those_that_can():
    found, expected = refusal(Proud, toy.space(), 1, 2)
    assert found == "proud cannot honour limits (it knows none)"
    assert "coordinate_descent" in expected
    assert "quasi_random" not in expected


def test_cma_es_follows_a_limit_that_binds():
    """The optimum without limits breaks both; at equal evaluations it beats random designs."""

    def best(name, seed):
        model = toy.Toy(power_limit=25.0, cost_limit=50.0, choices=False)
        problem = Problem(toy.space(choices=False), model, (Goal("speed", maximize=True),))
        searched(name, problem, 400, seed)
        objectives, feasible = problem.judged()
        return objectives[feasible].min()

    seeds = (1, 2, 3)
    found, drawn = ([best(name, seed) for seed in seeds] for name in ("cma_es", "random"))
    assert np.mean(found) < np.mean(drawn)


def test_cma_es_that_came_to_rest_starts_anew():
    """On twelve designs a generation soon is one design; the search finds the others too."""
    numbers = (toy.numbers("units", (4.0, 8.0, 12.0)), toy.numbers("stacks", (1.0, 2.0, 3.0, 4.0)))
    model = Bowl(Space(numbers))
    problem = Problem(Space(numbers), model, (Goal("f1"),))
    searched("cma_es", problem, 400)
    assert problem.archive.count == 12


def asked(sampler_of_round, rounds: int, batch: int, limit=float):
    """Parameters of all trials of a study in rounds, each with its own sampler."""
    space = distributions(toy.space())
    study = optuna.create_study(directions=["minimize", "maximize"])
    for number in range(rounds):
        study.sampler = sampler_of_round(number)
        trials = [study.ask(space) for _ in range(batch)]
        for trial in trials:
            x = from_parameters(toy.space(), [trial.params])
            outcome = toy.Toy()(toy.space().values(x), 0.0)
            trial.set_constraint("power", limit(float(outcome.violations[0, 0])))
            study.tell(trial, outcome.metrics[0, :2].tolist()[::-1])
    return [trial.params for trial in study.trials]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", ["nsga2", "nsga3", "tpe", "gp"])
def test_what_optuna_draws_is_not_changed_by_looking_up_less(name):
    space = distributions(toy.space())
    ours, stock, options = {
        "nsga2": (NSGA2, optuna.samplers.NSGAIISampler, {"population_size": 8}),
        "nsga3": (NSGA3, optuna.samplers.NSGAIIISampler, {"population_size": 8}),
        "tpe": (TPE, optuna.samplers.TPESampler, {"multivariate": True, "constant_liar": True}),
        "gp": (GP, optuna.samplers.GPSampler, {"n_startup_trials": 8}),
    }[name]
    first = Numbers(space) if name == "tpe" else space
    rounds, batch = (2, 6) if name == "gp" else (5, 8)
    quick = asked(lambda number: ours(first, seed=number, **options), rounds, batch)
    limit = squashed if name == "gp" else float
    assert quick == asked(lambda number: stock(seed=number, **options), rounds, batch, limit)


def test_a_gaussian_process_goes_on_from_trials_of_others():
    """Which have as many limits as the problem, whoever proposed them."""
    problem = toy.problem()
    first, second = toy.proposer("quasi_random", problem), toy.proposer("gp", problem)
    phases = Phases(problem, (Phase(first, 64), Phase(second, 0)))
    with tempfile.TemporaryDirectory() as folder:
        study = toy.study(Path(folder) / "study", "gp", 68, problem)
        study.rounds.proposer = phases
        study.run()
    assert problem.archive.count > 64
    trial = OneLimitTrial.of(optuna.create_trial(value=1.0, constraints={"a": -0.5, "b": np.inf}))
    assert trial.constraints == {"worst": squashed(np.inf)}
    assert 0 < squashed(1e-9) < squashed(3.0) < squashed(np.inf) < np.inf
    assert squashed(-0.5) < squashed(-1e-9) < 0
    assert OneLimitTrial.of(optuna.create_trial(value=1.0)).constraints == {}


def test_a_sobol_sequence_begins_with_its_first_point_and_rounds_continue_it():
    space = distributions(toy.space(choices=False))
    parts = asked_alone(lambda _: Sobol(space, scramble=True, seed=7), 4, 8)
    whole = asked_alone(lambda _: Sobol(space, scramble=True, seed=7), 1, 32)
    assert parts == whole
    shares = np.array([(p["voltage"] - 0.5) / 0.5 for p in whole])
    assert sorted(np.floor(shares * 32)) == list(range(32))


def asked_alone(sampler_of_round, rounds: int, batch: int):
    space = distributions(toy.space(choices=False))
    study = optuna.create_study()
    for number in range(rounds):
        study.sampler = sampler_of_round(number)
        for trial in [study.ask(space) for _ in range(batch)]:
            study.tell(trial, 0.0)
    return [trial.params for trial in study.trials]


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
