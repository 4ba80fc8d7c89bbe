"""The problem counts everything, answers what it knows, and never mixes up rows."""

import numpy as np
import pytest
import torch

from costmodel.errors import ScovilleError
from costmodel.numerics.batches import pieces
from search.problem import Evaluation, Outcome
from tests.search import toy
from tests.search.test_space import draws


def test_each_distinct_design_goes_through_the_model_once():
    calls: list[int] = []
    problem = toy.problem(calls=calls)
    x = draws(problem.space, 40)
    batch = torch.cat([x, x[:10]])
    first = problem.evaluate(batch)
    again = problem.evaluate(x[5:25])
    distinct = len(torch.unique(x, dim=0))
    assert calls == [piece.width for piece in pieces(distinct)]
    assert problem.meter.evaluated == distinct == problem.archive.count
    assert problem.meter.repeated == 50 - distinct
    assert problem.meter.cached == 20
    assert problem.meter.mappings == 10 * distinct
    assert torch.equal(again.metrics, first.metrics[5:25])
    assert not again.fresh.any()
    assert first.fresh.sum() == distinct


def test_a_value_does_not_depend_on_its_batch():
    x = draws(toy.space(), 200)
    whole = toy.problem().evaluate(x)
    one = toy.problem()
    single = torch.cat([one.evaluate(row[None]).metrics for row in x])
    assert torch.equal(whole.metrics, single)


def test_objectives_are_minimised_and_shown_as_the_user_reads_them():
    problem = toy.problem(2)
    evaluation = problem.evaluate(draws(problem.space, 5))
    speed = evaluation.metrics[:, problem.metric_names.index("speed")]
    assert torch.equal(evaluation.objectives[:, 1], -speed)
    assert torch.equal(problem.shown(evaluation.objectives)[:, 1], speed)


def test_a_nan_is_reported_with_the_design():
    problem = toy.problem()
    problem.model = lambda values, relax: Outcome(  # noqa: ARG005
        torch.full((len(values), 3), torch.nan), torch.zeros(len(values), 2)
    )
    with pytest.raises(ScovilleError, match=r"metric speed of design .*units.* is not a number"):
        problem.evaluate(draws(problem.space, 3))


def test_slopes_are_those_of_the_smooth_model():
    problem = toy.problem(2)
    x = draws(problem.space, 30)
    x[:, 3] = x[:, 3].clamp(0.55, 0.95)

    def weigh(objectives, violations, rows):  # noqa: ARG001
        return torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, 0.0]).double()

    def total(point):
        values, _ = problem.value_and_gradient(point, 0.5, weigh)
        return values.objectives @ torch.tensor([1.0, 2.0]).double() + 0.5 * values.violations[:, 0]

    _, slope = problem.value_and_gradient(x, 0.5, weigh)
    logs = problem.space.log_values(x)
    for column in problem.space.relaxable:
        step = torch.zeros_like(logs)
        step[:, column] = 1e-6
        inside = x.clone()
        if problem.space.variables[column].size:
            top = problem.space.variables[column].upper
            keep = (x[:, column] > 0) & (x[:, column] < top)
        else:
            keep = torch.ones(len(x), dtype=torch.bool)
        high = total(problem.space.from_log_values(inside, logs + step))
        low = total(problem.space.from_log_values(inside, logs - step))
        assert torch.allclose(
            slope[keep, column], ((high - low) / 2e-6)[keep], rtol=1e-5, atol=1e-6
        )
    fixed = [i for i in range(slope.shape[1]) if i not in problem.space.relaxable]
    assert not slope[:, fixed].any()


def test_gradient_steps_are_charged():
    problem = toy.problem()
    x = draws(problem.space, 7)
    problem.value_and_gradient(x, 1.0, lambda o, v, rows: (torch.ones_like(o), torch.ones_like(v)))  # noqa: ARG005
    problem.evaluate(x)
    assert problem.meter.gradient_steps == 7
    assert problem.meter.charged == problem.meter.evaluated + 21


def test_feasible_means_that_no_violation_is_positive():
    violations = torch.tensor([[0.0, -1.0], [1e-12, -1.0], [torch.inf, 0.0]]).double()
    evaluation = Evaluation(violations, violations, violations, violations[:, 0] > 0)
    assert evaluation.feasible.tolist() == [True, False, False]
    assert evaluation.total_violation.tolist()[0] == 0
    assert torch.isfinite(evaluation.total_violation).all()


def test_archive_grows_and_finds():
    problem = toy.problem()
    x = torch.unique(draws(problem.space, 6000), dim=0)
    for part in x.split(1500):
        problem.evaluate(part)
    rows = problem.archive.find(x.numpy())
    assert np.array_equal(problem.archive["x"][rows], x.numpy())
    assert (problem.archive.find(x.numpy() + 0.25) == -1).all()
