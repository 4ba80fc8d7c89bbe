"""Laws about what is kept: state, budget, designs paid once, an end."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from costmodel.errors import ScovilleError
from search.driving import EXHAUSTED, FINISHED, IDLE_ROUNDS
from search.testing.problems import SMALL, Bowl, problem, tight
from search.testing.searches import Candidate, Search, require


def a_resumed_search_goes_on_as_if_nothing_had_happened(candidate: Candidate, folder: Path) -> None:
    """A fresh object for every round, the state from its file, the Optuna journal read again."""
    whole = Search(candidate, problem(candidate.space), folder / "whole").run().proposals
    resumed: list[Tensor] = []
    for _ in whole:
        search = Search(candidate, problem(candidate.space), folder / "resumed")
        search.step()
        resumed += search.proposals
    for number, (first, second) in enumerate(zip(whole, resumed, strict=True)):
        same = torch.equal(first, second)
        require(same, f"resumed, round {number} is another one: something is not in the state")


def the_budget_is_kept(candidate: Candidate, folder: Path) -> None:
    """A round costs what was announced at most, all rounds the budget at most."""
    case = problem(candidate.space)
    search = Search(candidate, case, folder / "study").run()
    spent, budget = case.meter.charged, candidate.evaluations
    require(spent <= budget, f"{spent} evaluations spent of {budget}")
    before = 0
    for number, (most, after) in enumerate(search.watched.charges):
        cost = after - before
        require(cost <= most, f"round {number} cost {cost} evaluations, {most} were announced")
        before = after


def a_budget_below_a_batch_is_kept_or_refused(candidate: Candidate, folder: Path) -> None:
    """Nothing is evaluated beyond it; a refusal comes before the first evaluation."""
    case = problem(candidate.space)
    budget = max(1, candidate.batch // 2)
    try:
        Search(candidate, case, folder / "study", evaluations=budget).run()
    except ScovilleError as error:
        require("budget.evaluations" in str(error), f"refused without naming the budget: {error}")
        require(case.meter.charged == 0, "refused after evaluations were paid")
        return
    require(case.meter.charged <= budget, f"{case.meter.charged} of {budget} evaluations spent")


def a_small_space_comes_to_an_end(candidate: Candidate, folder: Path) -> None:
    """Twelve designs: the search stops by itself, and pays for none of them twice."""
    case = problem(SMALL, limits=tight(SMALL))
    if candidate.refusal(case):
        return
    search = Search(candidate, case, folder / "study", evaluations=5000).run()
    require(search.status in (FINISHED, EXHAUSTED), f"it ended as {search.status}")
    most = int(SMALL.size) + IDLE_ROUNDS + 1
    taken = len(search.proposals)
    require(taken <= most * 5, f"{taken} rounds on {SMALL.size:.0f} designs")
    require(case.archive.count <= SMALL.size, "more designs than there are")
    _paid_once(case.model, case.archive.count)


def a_known_design_is_not_paid_again(candidate: Candidate, folder: Path) -> None:
    """Repeated designs are answered from the study: not evaluated, not charged, equal values."""
    case = problem(candidate.space, limits=tight(candidate.space))
    if candidate.refusal(case):
        return
    search = Search(candidate, case, folder / "study").run()
    x = candidate.space.canonical(torch.cat(search.proposals))
    distinct = len(torch.unique(x, dim=0))
    charge = case.meter.evaluated
    require(charge == distinct, f"{charge} evaluations charged for {distinct} distinct designs")
    _paid_once(case.model, case.archive.count)
    metrics = torch.cat([result.metrics for result in search.watched.results])
    answers = torch.unique(torch.cat([x, metrics], -1), dim=0)
    require(len(answers) == distinct, "a repeated design had other values than the first time")


def infinite_values_are_survived(candidate: Candidate, folder: Path) -> None:
    """Half of the space overflows: the search goes on with designs of the space."""

    def overflow(metrics: Tensor, shares: Tensor) -> Tensor:
        return torch.where(_half(shares), torch.inf, metrics)

    def limits(shares: Tensor) -> Tensor:
        return torch.where(_half(shares), torch.inf, shares[..., :1] - 0.9)

    def _half(shares: Tensor) -> Tensor:
        return shares[..., :1] > 0.5

    case = problem(candidate.space, limits=limits, broken=overflow)
    if candidate.refusal(case):
        case = problem(candidate.space, broken=overflow)
    search = Search(candidate, case, folder / "study").run()
    x = torch.cat(search.proposals)
    require(bool(torch.isfinite(x).all()), "infinite values led to infinite designs")
    require(torch.equal(candidate.space.canonical(x), x), "designs outside of the space")


def a_number_that_is_none_ends_the_search(candidate: Candidate, folder: Path) -> None:
    """A NaN is a bug of the model: its error reaches the caller, no sampler swallows it."""

    def undefined(metrics: Tensor, shares: Tensor) -> Tensor:
        return torch.where(shares[..., :1] > 0.2, torch.nan, metrics)

    case = problem(candidate.space, broken=undefined)
    try:
        Search(candidate, case, folder / "study").run()
    except (ScovilleError, ValueError) as error:
        require("is not a number" in str(error), f"another error came instead: {error}")
        return
    require(False, "a NaN was swallowed")


def _paid_once(model: object, evaluations: int) -> None:
    """Every design went through the model in one call at most."""
    if not isinstance(model, Bowl):
        raise TypeError("only the model of these problems counts its calls")
    most = max(model.asked.values(), default=0)
    require(most <= 1, f"a design went through the model {most} times")
    seen = len(model.asked)
    require(seen <= evaluations, f"{seen} designs evaluated, {evaluations} recorded")


LAWS = (
    a_resumed_search_goes_on_as_if_nothing_had_happened,
    the_budget_is_kept,
    a_budget_below_a_batch_is_kept_or_refused,
    a_small_space_comes_to_an_end,
    a_known_design_is_not_paid_again,
    infinite_values_are_survived,
    a_number_that_is_none_ends_the_search,
)
