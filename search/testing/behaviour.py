"""Laws about how a sampler behaves: where it proposes, what it depends on, what it says.

NumPy's legacy random numbers are touched here because a sampler must not touch them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from search.samplers import SAMPLERS
from search.testing.problems import SPACES, problem, tight
from search.testing.searches import Candidate, Search, require

NEEDED = ("name", "title")
PAIRS = (
    ("honours_limits", "refuses_limits"),
    ("several_objectives", "refuses_several"),
    ("late_results", "refuses_late"),
)


def it_says_what_it_can(candidate: Candidate, folder: Path) -> None:
    """Name, title, and one of each pair of class attributes: how it does, or why it does not."""
    del folder
    sampler = candidate.sampler
    for attribute in NEEDED:
        require(bool(getattr(sampler, attribute, "")), f"{attribute} is missing")
    for does, refuses in PAIRS:
        said = [name for name in (does, refuses) if getattr(sampler, name)]
        require(len(said) == 1, f"either {does} or {refuses} is to be said, found {said or 'none'}")


def what_it_refuses_has_a_reason_and_a_way_out(candidate: Candidate, folder: Path) -> None:
    """A refusal names the sampler and the reason, and what can do the search instead."""
    del folder
    sampler = candidate.sampler
    cases = (
        (sampler.refuses_limits, problem(SPACES["of numbers"], limits=tight(SPACES["of numbers"]))),
        (sampler.refuses_several, problem(SPACES["of numbers"], objectives=2)),
        (sampler.refuses_choices, problem(SPACES["of one choice"])),
    )
    for reason, case in cases:
        refused = candidate.refusal(case)
        if not reason:
            continue
        require(refused is not None, f"a search that it cannot do is not refused: {reason}")
        found, expected = refused or ("", "")
        require(sampler.name in found and reason in found, f"{found!r} lacks the reason")
        require(any(name in expected for name in SAMPLERS), f"{expected!r} names no other sampler")


def proposals_lie_in_the_space(candidate: Candidate, folder: Path) -> None:
    """Inside the bounds, whole levels, canonical: on spaces of every kind."""
    for number, (kind, space) in enumerate(SPACES.items()):
        case = problem(space)
        if candidate.refusal(case):
            continue
        budget = max(candidate.evaluations // 3, candidate.batch)
        search = Search(candidate, case, folder / str(number), evaluations=budget).run()
        low, high = space.bounds()
        for x in search.proposals:
            require(x.dtype == torch.float64, f"proposals are {x.dtype}, not float64")
            shape = tuple(x.shape)
            right = len(shape) == 2 and shape[0] > 0 and shape[1] == len(space.variables)
            require(right, f"a batch of shape {shape} on a space {kind}")
            inside = bool(((x >= low) & (x <= high)).all())
            require(inside, f"a design outside the bounds of a space {kind}")
            whole = torch.equal(space.canonical(x), x)
            require(whole, f"a design of a space {kind} is not canonical")


def one_seed_gives_one_search(candidate: Candidate, folder: Path) -> None:
    """The seed decides the designs; not the clock, not anyone's global random numbers."""
    space = candidate.space
    with _globals(1):
        first = Search(candidate, problem(space), folder / "a").run().proposals
    with _globals(2), mock.patch("time.time", return_value=4e9):
        same = Search(candidate, problem(space), folder / "b").run().proposals
    other = Search(candidate, problem(space), folder / "c", seed=4).run().proposals
    require(_equal(first, same), "one seed gave two searches: something else decides too")
    require(not _equal(first, other), "two seeds gave one search: the seed is ignored")


def global_random_numbers_are_left_alone(candidate: Candidate, folder: Path) -> None:
    """Neither drawn from nor seeded: they belong to whoever calls."""
    search = Search(candidate, problem(candidate.space), folder / "study")
    with _globals(1):
        before = _state_of_globals()
        search.run()
        after = _state_of_globals()
    require(before == after, "global random numbers were used")


def maximising_mirrors_minimising(candidate: Candidate, folder: Path) -> None:
    """A metric to maximise is searched like its negative to minimise."""
    space = candidate.space
    down = Search(candidate, problem(space), folder / "down").run().proposals
    up = Search(candidate, problem(space, maximize=True), folder / "up").run().proposals
    require(_equal(down, up), "maximising a metric differs from minimising its negative")


def sampling_only_means_that(candidate: Candidate, folder: Path) -> None:
    """Who says that results move nothing proposes the same whatever comes back."""
    if not candidate.sampling_only:
        return
    space = candidate.space
    plain = Search(candidate, problem(space), folder / "plain").run().proposals
    other = problem(space, limits=tight(space), broken=lambda metrics, _: 1.0 - metrics)
    moved = Search(candidate, other, folder / "other").run().proposals
    require(_equal(plain, moved), 'results move the designs of a sampler that is "sampling only"')


def one_design_at_a_time(candidate: Candidate, folder: Path) -> None:
    """A batch of 1 works, or the option says what is the least."""
    case = problem(candidate.space)
    try:
        candidate.proposer(case, batch=1)
    except ValidationError as error:
        places = [detail["loc"] for detail in error.errors()]
        require(("batch",) in places, f"a batch of 1 is refused for another reason: {error}")
        return
    budget = max(8, candidate.evaluations // 4)
    search = Search(candidate, case, folder / "study", evaluations=budget, batch=1).run()
    sizes = {len(x) for x in search.proposals}
    require(sizes == {1}, f"batches of {sorted(sizes)} instead of 1")


def results_may_come_late(candidate: Candidate, folder: Path) -> None:
    """Who says so can ask twice before the first results, and take them in any order."""
    if not candidate.sampler.late_results:
        return
    search = Search(candidate, problem(candidate.space), folder / "study")
    rounds, case = search.study.rounds, search.problem
    rounds.open()
    asked = [rounds.ask(number) for number in range(3)]
    require(not torch.equal(asked[0].x, asked[1].x), "the same batch is asked for twice")
    for batch in (asked[1], asked[0], asked[2]):
        start = case.archive.count
        rounds.tell(batch, case.evaluate(batch.x), start, 0.0)
    require(len(rounds.ask(3).x) > 0, "nothing is asked for after late results")


def _equal(first: list[Tensor], second: list[Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


@contextmanager
def _globals(seed: int) -> Iterator[None]:
    """Global random numbers seeded, and put back afterwards."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


def _state_of_globals() -> tuple[object, ...]:
    words = repr(np.random.get_state(legacy=False))  # noqa: NPY002
    return (random.getstate(), words, bytes(torch.get_rng_state().numpy()))


LAWS = (
    it_says_what_it_can,
    what_it_refuses_has_a_reason_and_a_way_out,
    proposals_lie_in_the_space,
    one_seed_gives_one_search,
    global_random_numbers_are_left_alone,
    maximising_mirrors_minimising,
    sampling_only_means_that,
    one_design_at_a_time,
    results_may_come_late,
)
