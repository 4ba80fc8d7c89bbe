"""Batched coordinate descent: many searches at once, each changing one or two variables.

Every incumbent tries its single moves in an order of its own, then pairs of moves, and keeps the
best of each round. Limits are honoured by constraint domination, several objectives by one
incumbent for each weight vector, so that the whole front is approached. A pool whose incumbents
have all run dry starts again, from scratch or from a kicked incumbent.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from search.problem import Evaluation, Problem
from search.samplers.incumbents import Incumbents
from search.samplers.proposer import Options, Proposer, State, generator, simplex_weights
from search.space import Space

UNBORN, KICKED = -1, -2
"""Cursors of an incumbent that starts from scratch, or from a changed copy of itself."""
KICK = 0.3
"""Share of the variables that a kick draws anew."""


class DescentOptions(Options):
    """Options of coordinate descent.

    ``chains`` incumbents share a batch; with several objectives they are split over at most
    ``weights`` weight vectors. An incumbent has run dry after its single moves and ``pairs``
    pairs.
    """

    chains: int = Field(default=128, ge=1)
    weights: int = Field(default=8, ge=1)
    pairs: int = Field(default=512, ge=0)


class CoordinateDescent(Proposer):
    """Local search by single moves and pairs of moves, from many starts."""

    name = "coordinate_descent"
    title = "batched coordinate descent from many starts"
    options_class = DescentOptions
    honours_limits = "constraint domination: feasible first, then by violation"
    refuses_late = "each incumbent waits for the moves it tried"
    several_objectives = "one descent for each weight vector"

    def __init__(self, problem: Problem, options: DescentOptions) -> None:
        super().__init__(problem, options)
        chains = min(options.chains, max(1, options.batch // 2))
        weights = simplex_weights(len(problem.goals), min(options.weights, chains))
        pools = max(1, chains // len(weights))
        self.incumbents = Incumbents(weights, pools)
        self.each = max(1, options.batch // self.incumbents.count)
        self.moves = move_table(self.space)

    def initial(self) -> State:
        """No incumbents yet."""
        chains = self.incumbents.count
        return {
            **self.incumbents.empty(len(self.space.variables)),
            "cursor": torch.full((chains,), UNBORN, dtype=torch.int64),
            "tried": torch.zeros(chains, dtype=torch.int64),
            "restarts": torch.zeros((), dtype=torch.int64),
        }

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """A batch of `each` moves around every incumbent ``[C * each, V]``."""
        random = generator(seed, round_number)
        chains, each = self.incumbents.count, self.each
        if len(self.moves) == 0:
            return self.space.from_unit(torch.zeros(1, 0, dtype=torch.float64))
        order = torch.rand(chains, len(self.moves), generator=generator(seed, 0, 1)).argsort(-1)
        # Of four candidates two are single moves, one a pair, one a crossing: see below.
        slot = torch.arange(each) // 2
        place = (state["cursor"].clamp_min(0)[:, None] + slot) % len(self.moves)
        single = self.moves[torch.gather(order, 1, place)]
        picks = torch.randint(len(self.moves), (2, chains, each), generator=random)
        pair = self.moves[picks[0]] + self.moves[picks[1]]
        turn = torch.arange(each) % 4
        dry = state["tried"][:, None] >= 2 * len(self.moves)
        doubled = ((turn == 3) | (dry & (turn != 1)))[..., None]
        x = wrap(self.space, state["x"][:, None] + torch.where(doubled, pair, single))
        # A crossing takes some variables from another incumbent.
        other = state["x"][torch.randint(chains, (chains, each), generator=random)]
        taken = torch.rand(x.shape, generator=random) < KICK
        crossed = torch.where(taken, other, state["x"][:, None].expand_as(other))
        x = torch.where((turn == 1)[:, None], crossed, x)
        shape = (chains, each, len(self.space.free))
        fresh = self.space.from_unit(torch.rand(shape, generator=random, dtype=torch.float64))
        kicked = torch.rand(fresh.shape, generator=random) < KICK
        cursor = state["cursor"][:, None, None]
        x = torch.where((cursor == UNBORN) | ((cursor == KICKED) & kicked), fresh, x)
        return self.space.canonical(x.reshape(-1, x.shape[-1]))

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Move every incumbent to the best design of its pool; restart the pools run dry."""
        chain = torch.arange(len(x)) // self.each
        pool = chain // len(self.incumbents.weights)
        new, better = self.incumbents.absorb(state, x, evaluation, pool)
        started = torch.isfinite(new["violation"])
        step = (self.each + 1) // 2
        new["cursor"] = torch.where(started, new["cursor"].clamp_min(0) + step, new["cursor"])
        zero = torch.zeros_like(new["tried"])
        new["tried"] = torch.where(better | ~started, zero, new["tried"] + self.each)
        return self._restart(new)

    def observe(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Take starts from what another sampler found, a disjoint share for every pool."""
        pool = torch.arange(len(x)) % self.incumbents.pools
        new, better = self.incumbents.absorb(state, x, evaluation, pool)
        zero = torch.zeros_like(new["tried"])
        new["tried"] = torch.where(better, zero, new["tried"])
        new["cursor"] = torch.where(better, new["cursor"].clamp_min(0), new["cursor"])
        return new

    def begin(self, state: State) -> State:
        """Count restarts anew."""
        return {**state, "restarts": torch.zeros_like(state["restarts"])}

    def finished(self, state: State) -> bool:
        """Every pool has run dry once since the descent began."""
        return len(self.moves) == 0 or int(state["restarts"]) >= self.incumbents.pools

    def _restart(self, state: State) -> State:
        """Give the pools whose incumbents all ran dry new starts."""
        width = len(self.incumbents.weights)
        dry = state["tried"] >= 2 * len(self.moves) + self.options.pairs
        pools = dry.reshape(-1, width).all(-1)
        if not bool(pools.any()):
            return state
        new = dict(state)
        new["restarts"] = state["restarts"] + pools.sum()
        chains = pools.repeat_interleave(width)
        odd = (torch.arange(self.incumbents.count) // width + new["restarts"]) % 2 == 1
        infinite = torch.full_like(state["violation"], torch.inf)
        new["violation"] = torch.where(chains, infinite, state["violation"])
        new["objectives"] = torch.where(chains[:, None], infinite[:, None], state["objectives"])
        new["cursor"] = torch.where(chains, torch.where(odd, UNBORN, KICKED), state["cursor"])
        new["tried"] = torch.where(chains, torch.zeros_like(state["tried"]), state["tried"])
        return new


def move_table(space: Space) -> Tensor:
    """Every single move as an offset ``[T,V]``: powers of two of levels, other choices, spans."""
    rows = []
    for column in space.free:
        variable = space.variables[column]
        if variable.size and not variable.ordered:
            amounts = [float(k) for k in range(1, variable.size)]
        elif variable.size:
            sizes = [2.0**k for k in range(variable.size.bit_length()) if 2**k < variable.size]
            amounts = [sign * size for size in sizes for sign in (1.0, -1.0)]
        else:
            span = variable.high - variable.low
            amounts = [sign * span / 4**k for k in range(1, 6) for sign in (1.0, -1.0)]
        for amount in amounts:
            row = [0.0] * len(space.variables)
            row[column] = amount
            rows.append(row)
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, len(space.variables))


def wrap(space: Space, x: Tensor) -> Tensor:
    """Choices have no ends: their offsets go round."""
    for column in space.free:
        variable = space.variables[column]
        if variable.size and not variable.ordered:
            x[..., column] = torch.remainder(x[..., column], variable.size)
    return x
