"""Every shipped sampler keeps the laws of samplers, and the laws catch planted faults."""

# ruff: noqa: ARG002 - the arguments are those of the interface

import random
import time

import pytest
import torch

from search.problem import Evaluation
from search.samplers import SAMPLERS
from search.samplers.evolution import Evolution
from search.samplers.proposer import Options, Proposer, State, generator
from search.testing.conformance import LAWS, SamplerSuite, broken_laws
from search.testing.searches import Candidate, ViolatedError
from tests.search import toy

EVALUATIONS = {
    "gp": 24,
    "tpe": 96,
    "gradient": 1200,
    "coordinate_descent": 600,
    "evolution": 600,
}
SLOW = ("gp",)


def shipped(name: str) -> Candidate:
    return Candidate(SAMPLERS[name], toy.SMALL[name], EVALUATIONS.get(name, 192))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in SAMPLERS],
)
def test_shipped_samplers_keep_the_laws(name, law, tmp_path):
    candidate = shipped(name)
    if (name, law) == ("gp", "several_objectives_are_served_or_refused"):
        # A front takes a model more designs than an optimum does.
        candidate = Candidate(SAMPLERS[name], {"batch": 2, "startup": 8}, 40)
    LAWS[law](candidate, tmp_path)


class Sampling(Proposer):
    """Uniform draws: keeps every law, and each fault below breaks one."""

    name = "sampling"
    title = "uniform draws"
    honours_limits = "sampling only: limits sort the results afterwards"
    several_objectives = "sampling only: the front is taken afterwards"
    late_results = "results move nothing"

    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        del state
        unit = torch.rand(
            int(self.options.batch),
            len(self.space.free),
            generator=self.numbers(round_number, seed),
            dtype=torch.float64,
        )
        return self.space.from_unit(unit)

    def numbers(self, round_number: int, seed: int) -> torch.Generator | None:
        return generator(seed, round_number)

    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        del x, evaluation
        return state


class OutOfBounds(Sampling):
    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        x = super().propose(state, round_number, seed)
        x[0, 0] += 1000.0
        return x


class BetweenLevels(Sampling):
    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        x = super().propose(state, round_number, seed)
        whole = torch.tensor([variable.size > 2 for variable in self.space.variables])
        return torch.where(whole & (x < 1), x + 0.25, x)


class SeedIgnored(Sampling):
    def numbers(self, round_number: int, seed: int) -> torch.Generator:
        return generator(0, round_number)


class GlobalNumbers(Sampling):
    def numbers(self, round_number: int, seed: int) -> None:
        return None


class GlobalSeeded(Sampling):
    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        random.seed(seed)
        return super().propose(state, round_number, seed)


class ReadsTheClock(Sampling):
    def numbers(self, round_number: int, seed: int) -> torch.Generator:
        return generator(seed + int(time.time()) // 10**9, round_number)


class Forgetful(Sampling):
    """Counts its rounds itself instead of keeping them in the state."""

    rounds = 0

    def numbers(self, round_number: int, seed: int) -> torch.Generator:
        self.rounds += 1
        return generator(seed, self.rounds)


class ChangesItsState(Sampling):
    def initial(self) -> State:
        return {"rounds": torch.zeros(())}

    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        state["rounds"] += 1
        return super().propose(state, round_number, seed)


class PaysTwice(Sampling):
    """Asks the model about designs that the study knows."""

    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        self.problem.model(self.space.values(self.space.canonical(x)), 0.0)
        return state


class Forgets(Sampling):
    """Throws away what is known, so that it is charged again."""

    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        self.problem.archive = self.problem._empty()
        return super().propose(state, 0, seed)


class Undercharged(Sampling):
    def round_charge(self, state: State) -> int:
        return 1


class SamplingThatLooks(Sampling):
    """Says that results move nothing, and follows them."""

    def initial(self) -> State:
        return {"moved": torch.zeros((), dtype=torch.int64)}

    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        return super().propose(state, round_number + 1000 * int(state["moved"]), seed)

    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        return {"moved": state["moved"] + (evaluation.objectives > 0.1).sum()}


class Claims(Sampling):
    """Says that it searches, and draws."""

    honours_limits = "constraint domination"
    several_objectives = "non-dominated sorting"


class Silent(Sampling):
    several_objectives = ""


class OneSided(Evolution):
    """Takes the values to maximise for values to minimise."""

    late_results = Evolution.late_results

    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        shown = self.problem.shown(evaluation.objectives)
        turned = Evaluation(shown, evaluation.violations, evaluation.metrics, evaluation.fresh)
        return super().update(state, x, turned)


class PrefersInfeasible(Evolution):
    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        free = torch.zeros_like(evaluation.violations)
        blind = Evaluation(evaluation.objectives, free, evaluation.metrics, evaluation.fresh)
        return super().update(state, x, blind)


class GivesUp(Sampling):
    """Proposes what is known as soon as nothing is feasible."""

    def initial(self) -> State:
        return {"hopeless": torch.zeros((), dtype=torch.bool)}

    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        return super().propose(state, 0 if state["hopeless"] else round_number, seed)

    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        return {"hopeless": ~evaluation.feasible.any()}


class Swallows(Sampling):
    """Hides an undefined value from everyone."""

    def __init__(self, problem, options: Options) -> None:
        super().__init__(problem, options)
        problem._check = lambda outcome, x: None  # noqa: ARG005


class LateButDeaf(Sampling):
    """Says that results may come late, and asks for the same batch until they are there."""

    def initial(self) -> State:
        return {"told": torch.zeros((), dtype=torch.int64)}

    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        return super().propose(state, int(state["told"]), seed)

    def update(self, state: State, x: torch.Tensor, evaluation: Evaluation) -> State:
        return {"told": state["told"] + 1}


class TwoAtLeast(Sampling):
    def propose(self, state: State, round_number: int, seed: int) -> torch.Tensor:
        x = super().propose(state, round_number, seed)
        return torch.cat([x, x])[: max(2, len(x))]


FAULTS = {
    OutOfBounds: "proposals_lie_in_the_space",
    BetweenLevels: "proposals_lie_in_the_space",
    SeedIgnored: "one_seed_gives_one_search",
    GlobalNumbers: "one_seed_gives_one_search",
    ReadsTheClock: "one_seed_gives_one_search",
    GlobalSeeded: "global_random_numbers_are_left_alone",
    Forgetful: "a_resumed_search_goes_on_as_if_nothing_had_happened",
    ChangesItsState: "a_resumed_search_goes_on_as_if_nothing_had_happened",
    PaysTwice: "a_known_design_is_not_paid_again",
    Forgets: "a_small_space_comes_to_an_end",
    Undercharged: "the_budget_is_kept",
    SamplingThatLooks: "sampling_only_means_that",
    Claims: "feasible_comes_before_better",
    Silent: "it_says_what_it_can",
    OneSided: "maximising_mirrors_minimising",
    PrefersInfeasible: "feasible_comes_before_better",
    GivesUp: "without_a_feasible_design_it_goes_on",
    Swallows: "a_number_that_is_none_ends_the_search",
    LateButDeaf: "results_may_come_late",
    TwoAtLeast: "one_design_at_a_time",
}


def planted(sampler: type[Proposer]) -> Candidate:
    if issubclass(sampler, Evolution):
        return Candidate(sampler, toy.SMALL["evolution"], EVALUATIONS["evolution"])
    return Candidate(sampler, {"batch": 16})


@pytest.mark.parametrize("sampler", FAULTS, ids=lambda sampler: sampler.__name__)
def test_a_planted_fault_is_caught(sampler, tmp_path):
    """By the law that is about it, which the sampler without the fault keeps."""
    law = LAWS[FAULTS[sampler]]
    sound = Evolution if issubclass(sampler, Evolution) else Sampling
    law(planted(sound), tmp_path / "sound")
    with pytest.raises(ViolatedError):
        law(planted(sampler), tmp_path / "planted")


class TestSampling(SamplerSuite):
    """The suite as someone with a sampler of their own would use it."""

    sampler = Sampling
    options = {"batch": 16}  # noqa: RUF012


def test_the_suite_has_a_test_for_every_law_and_tells_without_pytest():
    assert {f"test_{name}" for name in LAWS} <= set(dir(TestSampling))
    found = broken_laws(Candidate(SeedIgnored, {"batch": 16}, 64))
    assert found == {"one_seed_gives_one_search": "two seeds gave one search: the seed is ignored"}
