"""Batched gradient descent: many starts, logarithmic variables, limits by augmented Lagrangian.

Each round takes a few Adam steps on the smooth form of the model from every start, then proposes
the designs that surround each iterate; only their exact values count. Choices and shapes stay as
the start has them: the start comes from whatever sampler ran before.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from search.problem import Evaluation, Problem
from search.samplers.incumbents import Incumbents
from search.samplers.proposer import Options, Proposer, State, generator, simplex_weights

RELAX = (1.0, 0.3, 0.1)
"""Width of the smooth steps in the rounds of one descent."""
OCTAVE = math.log(2.0)


class GradientOptions(Options):
    """Options of the gradient descent.

    ``starts`` descents of ``steps`` steps a round with step length ``rate`` (in logarithms);
    ``stiffness`` multiplies violations in the augmented Lagrangian. Each iterate is rounded to
    ``batch / starts`` designs. The descent is over after ``patience`` descents without gain.
    """

    batch: int = Field(default=1024, ge=1)
    starts: int = Field(default=64, ge=1)
    weights: int = Field(default=16, ge=1)
    steps: int = Field(default=12, ge=1)
    rate: float = Field(default=0.04, gt=0)
    stiffness: float = Field(default=10.0, ge=0)
    patience: int = Field(default=2, ge=1)


class Gradient(Proposer):
    """Adam on the relaxed model, exact re-evaluation of the neighbours of each iterate."""

    name = "gradient"
    title = "batched gradient descent on the relaxed model, rounded and evaluated exactly"
    options_class = GradientOptions
    honours_limits = "augmented Lagrangian while it descends, constraint domination on exact values"
    refuses_late = "each descent goes on from the designs it rounded to"
    several_objectives = "one descent for each weight vector"
    needs_gradient = True

    def __init__(self, problem: Problem, options: GradientOptions) -> None:
        super().__init__(problem, options)
        starts = min(options.starts, max(1, options.batch // 2))
        weights = simplex_weights(len(problem.goals), min(options.weights, starts))
        self.incumbents = Incumbents(weights, max(1, starts // len(weights)))
        self.each = max(1, options.batch // self.incumbents.count)
        self._descended: State = {}

    def initial(self) -> State:
        """No starts yet."""
        chains, limits = self.incumbents.count, len(self.problem.violation_names)
        return {
            **self.incumbents.empty(len(self.space.variables)),
            "iterate": torch.zeros(chains, len(self.space.variables), dtype=torch.float64),
            "first_moment": torch.zeros(chains, len(self.space.variables), dtype=torch.float64),
            "second_moment": torch.zeros(chains, len(self.space.variables), dtype=torch.float64),
            "multipliers": torch.zeros(chains, limits, dtype=torch.float64),
            "stage": torch.zeros((), dtype=torch.int64),
            "gained": torch.zeros((), dtype=torch.bool),
            "fruitless": torch.zeros((), dtype=torch.int64),
        }

    def round_charge(self, state: State) -> int:
        """Exact evaluations and what the gradient steps are charged."""
        del state
        return int(self.options.batch + 3 * self.options.steps * self.incumbents.count)

    def propose(self, state: State, round_number: int, seed: int) -> Tensor:
        """Descend, then the designs around every iterate ``[C * each, V]``."""
        random = generator(seed, round_number)
        if bool(torch.isinf(state["violation"]).any()):
            shape = (self.incumbents.count * self.each, len(self.space.free))
            return self.space.from_unit(torch.rand(shape, generator=random, dtype=torch.float64))
        self._descended = self._descend(state)
        return self._round(self._descended["iterate"], random)

    def update(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Keep exact improvements; begin a new descent when this one is through its stages."""
        chain = (torch.arange(len(x)) // self.each).clamp(max=self.incumbents.count - 1)
        pool = chain // len(self.incumbents.weights)
        waiting = bool(torch.isinf(state["violation"]).any())
        new, better = self.incumbents.absorb(
            state if waiting else {**state, **self._descended}, x, evaluation, pool
        )
        if waiting:
            return new
        gained = state["gained"] | better.any()
        last = int(state["stage"]) + 1 >= len(RELAX)
        new["stage"] = torch.zeros_like(state["stage"]) if last else state["stage"] + 1
        new["gained"] = torch.zeros_like(gained) if last else gained
        if last:
            none = torch.zeros_like(state["fruitless"])
            new["fruitless"] = none if bool(gained) else state["fruitless"] + 1
        return new

    def observe(self, state: State, x: Tensor, evaluation: Evaluation) -> State:
        """Take starts from what another sampler found."""
        pool = torch.arange(len(x)) % self.incumbents.pools
        new, better = self.incumbents.absorb(state, x, evaluation, pool)
        if bool(better.any()):
            new["fruitless"] = torch.zeros_like(state["fruitless"])
        return new

    def begin(self, state: State) -> State:
        """A new descent from the incumbents."""
        zero = torch.zeros_like(state["stage"])
        return {**state, "stage": zero, "fruitless": zero}

    def finished(self, state: State) -> bool:
        """Nothing to relax, or no gain for a while."""
        return not self.space.relaxable or int(state["fruitless"]) >= self.options.patience

    def _descend(self, state: State) -> State:
        """A few Adam steps of every start; the parts of the state that they change."""
        stage = int(state["stage"])
        begin = stage == 0
        x = state["x"] if begin else state["iterate"]
        first = torch.zeros_like(x) if begin else state["first_moment"]
        second = torch.zeros_like(x) if begin else state["second_moment"]
        multipliers = torch.zeros_like(state["multipliers"]) if begin else state["multipliers"]
        ideal, span = self.incumbents.scale(state)
        chain_weights = (self.incumbents.chain_weights() + 1e-3) / span
        stiffness = float(self.options.stiffness)
        home = self.space.log_values(state["x"])

        def weigh(objectives: Tensor, violations: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
            weights = chain_weights[rows]
            distance = torch.nan_to_num(weights * (objectives - ideal), posinf=1e6, neginf=-1e6)
            share = torch.softmax(10.0 * distance.clamp(-1e3, 1e3), -1)
            bounded = violations.clamp(-1.0, 10.0)
            pull = (multipliers[rows] + stiffness * bounded).clamp_min(0.0)
            return weights * (share + 1e-2), pull

        for step in range(int(self.options.steps)):
            values, slope = self.problem.value_and_gradient(x, RELAX[stage], weigh)
            norm = slope.abs().amax(-1, keepdim=True).clamp_min(1e-30)
            slope = slope / norm
            count = stage * int(self.options.steps) + step + 1
            first = 0.9 * first + 0.1 * slope
            second = 0.99 * second + 0.01 * slope * slope
            scaled = torch.sqrt(second / (1.0 - 0.99**count)) + 1e-3
            move = float(self.options.rate) * (first / (1.0 - 0.9**count)) / scaled
            logs = self.space.log_values(x) - move
            logs = torch.maximum(torch.minimum(logs, home + OCTAVE), home - OCTAVE)
            x = self.space.from_log_values(x, logs)
            bounded = values.violations.clamp(-1.0, 10.0)
            multipliers = (multipliers + 0.1 * stiffness * bounded).clamp(0.0, 1e3)
        return {
            "iterate": x,
            "first_moment": first,
            "second_moment": second,
            "multipliers": multipliers,
        }

    def _round(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Designs around each iterate: the nearest one, then random corners of its cell."""
        whole = torch.floor(x)[:, None]
        share = (x - torch.floor(x))[:, None]
        shape = (len(x), self.each, x.shape[1])
        draw = torch.rand(shape, generator=random, dtype=torch.float64)
        draw[:, 0] = 0.5
        # Later candidates look further: a step beyond the cell in a few coordinates.
        beyond = torch.randint(-1, 2, shape, generator=random).double()
        few = torch.rand(shape, generator=random) < 2.0 / max(1, len(self.space.relaxable))
        far = (torch.arange(self.each) >= self.each // 2)[None, :, None]
        mask = self.space.relaxable_mask()
        corner = whole + (draw < share).double()
        levels = torch.tensor([v.size > 0 for v in self.space.variables])
        corner = torch.where(far & few & levels, corner + beyond, corner)
        spread = torch.tensor(
            [0.0 if v.size else 0.02 * (v.high - v.low) for v in self.space.variables]
        ).double()
        noise = torch.where(far, (2.0 * draw - 1.0) * spread, torch.zeros(()).double())
        near = torch.where(levels, corner, x[:, None] + noise)
        result = torch.where(mask, near, x[:, None].expand(shape))
        return self.space.canonical(result.reshape(-1, x.shape[1]))
