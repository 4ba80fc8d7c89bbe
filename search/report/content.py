"""What a report shows, as plain records: no tensors, no study, no cost model.

Values are in SI; plots and tables choose how to show them. Anything that fills these records
gets a report, so a report can be made, and tested, without running a search.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Measure:
    """A metric or a variable: its name, how it is called, its SI unit and the better direction."""

    name: str
    title: str
    unit: str
    direction: str = ""  # "minimize", "maximize" or empty
    definition: str = ""


@dataclass(frozen=True)
class Cloud:
    """Evaluated designs that are drawn: a sample, with every design of the front."""

    columns: dict[str, Array]  # metric or variable -> [N], SI
    feasible: Flags  # [N]
    front: Flags  # [N]
    keys: tuple[str, ...]  # [N]
    evaluated: int = 0  # designs that the sample stands for
    meeting: int = 0  # of them, those that meet every limit

    def __len__(self) -> int:
        """Return the number of designs drawn."""
        return len(self.keys)


@dataclass(frozen=True)
class Bars:
    """A total split into parts, for one or several bars: ``values [bars, parts]`` in `unit`."""

    title: str
    unit: str
    bars: tuple[str, ...]
    parts: tuple[str, ...]
    values: Array
    note: str = ""


SMALLEST_SHARE = 0.002
"""Parts under this share of the longest bar in every bar are folded into one."""


def fold_small(bars: Bars) -> tuple[tuple[str, ...], Array]:
    """Parts large enough to see, the rest summed as one; totals are kept."""
    longest = bars.values.sum(axis=1).max(initial=0.0)
    seen = bars.values.max(axis=0, initial=0.0) > SMALLEST_SHARE * longest
    rest = bars.values[:, ~seen].sum(axis=1)
    names = tuple(part for part, keep in zip(bars.parts, seen, strict=True) if keep)
    if not rest.any():
        return names, bars.values[:, seen]
    return (*names, "rest of the parts"), np.column_stack([bars.values[:, seen], rest])


@dataclass(frozen=True)
class Margin:
    """One limit and how far a design is from it; a violation of at most zero is feasible."""

    name: str
    title: str
    violation: float
    limit: float | None = None
    value: float | None = None
    unit: str = ""

    @property
    def state(self) -> str:
        """``violated``, ``binds`` (within 2 % of the limit) or ``free``."""
        if self.violation > 0.0:
            return "violated"
        return "binds" if self.violation > -0.02 else "free"


@dataclass(frozen=True)
class Knob:
    """The value of one variable in a design, with the range it was searched in."""

    name: str
    value: str
    range: str
    bound: str = ""  # "lowest", "highest" or empty
    title: str = ""  # of a value that is the row of a technology table


@dataclass(frozen=True)
class Block:
    """A rectangle of the floorplan; the origin is the lower left corner of the package [m]."""

    kind: str
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Reach:
    """A feature of a design that lies outside what the known chips span."""

    title: str
    value: float
    low: float  # of the known chips
    high: float
    unit: str

    @property
    def times(self) -> float:
        """How many times beyond the nearest known chip, above 1."""
        return max(self.value / self.high, self.low / self.value)


@dataclass(frozen=True)
class Evidence:
    """How well founded a design's figures are."""

    assumed: dict[str, float]  # "time", "energy", "cost" -> share resting on assumed numbers
    extrapolation: float | None = None  # [1], 0 inside what the model was fitted to
    outside: tuple[Reach, ...] = ()  # the farthest first


@dataclass(frozen=True)
class Turn:
    """A design with one variable changed to its next value, the rest as it was."""

    value: str
    changes: dict[str, float]  # objective -> relative change, NaN where it has no value
    broken: tuple[str, ...] = ()  # limits that it then misses


@dataclass(frozen=True)
class Notch:
    """One variable of a design, and what turning it by one notch does."""

    name: str
    value: str
    turns: tuple[Turn, ...]  # down and up, or every other choice


@dataclass(frozen=True)
class Lever:
    """A number of the technology tables and the elasticity of an objective to it."""

    name: str
    value: str
    range: str
    kind: str
    elasticity: float  # d log objective / d log number
    low: float = 0.0  # relative change of the objective at the low end of the range, 0 without one
    high: float = 0.0  # the same at its high end

    @property
    def swing(self) -> float:
        """Relative change of the objective over the range."""
        return abs(self.high - self.low)


@dataclass(frozen=True)
class Relief:
    """What the designs at hand say of one limit: the gain if it gave a little."""

    name: str
    title: str
    share: float  # by which it gives
    gains: dict[str, float]  # objective -> relative improvement of the best design, at least 0
    admitted: int  # designs evaluated that meet every limit only then


@dataclass(frozen=True)
class Roof:
    """What a package can do at most: the two lines of a roofline."""

    machine: str
    peak: float  # [op/s]
    bandwidth: float  # of its memory [byte/s]


@dataclass(frozen=True)
class Spot:
    """An operator in one phase on a roofline."""

    machine: str
    operator: str
    phase: str
    intensity: float  # operations over bytes of memory traffic [op/byte]
    rate: float  # achieved [op/s]
    share: float  # of the time of its step [1]


@dataclass(frozen=True)
class Roofline:
    """Machines and their operators; empty when nothing is read from memory."""

    roofs: tuple[Roof, ...] = ()
    spots: tuple[Spot, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """A package from above."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Best:
    """One of the designs put forward."""

    mark: str  # a letter for figures and headings of tables
    label: str  # what it was picked for, e.g. "knee"
    key: str
    summary: str  # in words
    metrics: dict[str, float]
    knobs: tuple[Knob, ...]
    margins: tuple[Margin, ...]
    bars: dict[str, Bars] = field(default_factory=dict)  # "time", "energy", "area", "cost"
    drawings: tuple[Drawing, ...] = ()  # one for each pool
    evidence: Evidence | None = None
    notches: tuple[Notch, ...] = ()
    levers: dict[str, tuple[Lever, ...]] = field(default_factory=dict)  # by objective


@dataclass(frozen=True)
class Rival:
    """A machine that one can buy, or one of ours, evaluated the same way as its neighbours."""

    name: str
    title: str
    mapping: str  # "optimal" or "library"
    money: str  # "manufacturing" or "market"
    metrics: dict[str, float]
    plan: str  # deployment in words
    broken: tuple[str, ...] = ()  # limits of the service that it misses
    ours: bool = False
    note: str = ""


@dataclass(frozen=True)
class Beside:
    """The first design put forward beside the best machine that one can buy."""

    ours: str  # mark
    rival: str  # title
    short: str  # name of the rival in figures
    bars: dict[str, Bars] = field(default_factory=dict)
    roofline: Roofline = field(default_factory=Roofline)
    drawings: tuple[Drawing, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """Consecutive rounds of one sampler."""

    sampler: str
    evaluations: tuple[float, float]  # from, to
    seconds: tuple[float, float]


@dataclass(frozen=True)
class Progress:
    """How the search converged; one entry a round."""

    evaluations: Array
    seconds: Array
    hypervolume: Array  # empty when there is one objective
    best: dict[str, Array]  # objective -> best feasible value so far, NaN before the first
    stretches: tuple[Stretch, ...] = ()

    def against(self, axis: str) -> Array:
        """The steps of an axis, ``evaluations`` or ``seconds``."""
        return self.seconds if axis == "seconds" else self.evaluations


@dataclass(frozen=True)
class Point:
    """A sentence or two of the headline behind a word that says what they are about."""

    lead: str
    text: str


@dataclass(frozen=True)
class Assumption:
    """A number of the technology tables on which a best design rests."""

    name: str
    value: str
    range: str
    kind: str
    source: str
    note: str = ""


@dataclass(frozen=True)
class Source:
    """Where numbers come from."""

    key: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class ReportData:
    """Everything in one report, in reading order."""

    title: str
    question: str
    headline: tuple[Point, ...]
    objectives: tuple[Measure, ...]
    measures: dict[str, Measure]  # metrics shown anywhere
    variables: tuple[Measure, ...]
    cloud: Cloud
    best: tuple[Best, ...]  # when nothing is feasible, the one that misses by least
    rivals: tuple[Rival, ...]
    progress: Progress | None
    counts: dict[str, str]  # what was evaluated, in words
    beside: Beside | None = None
    reliefs: tuple[Relief, ...] = ()
    relaxations: tuple[str, ...] = ()  # what would admit a design, when nothing is feasible
    assumptions: tuple[Assumption, ...] = ()
    sources: tuple[Source, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    reproduce: tuple[tuple[str, str], ...] = ()  # what for, command
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the choices of variables whose column in the cloud holds indices."""

    @property
    def found(self) -> bool:
        """Whether a design meets every limit."""
        return bool(self.best) and all(margin.violation <= 0.0 for margin in self.best[0].margins)
