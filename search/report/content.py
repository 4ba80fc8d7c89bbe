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
class Evidence:
    """How well founded a design's figures are."""

    assumed: dict[str, float]  # "time", "energy", "cost" -> share resting on assumed numbers
    extrapolation: float | None = None  # [1], 0 inside what the model was fitted to


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
    blocks: tuple[Block, ...] = ()
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Rival:
    """A machine that one can buy, or one of ours, evaluated the same way as its neighbours."""

    name: str
    title: str
    mapping: str  # "optimal" or "shipped"
    money: str  # "manufacturing" or "market"
    metrics: dict[str, float]
    plan: str  # deployment in words
    broken: tuple[str, ...] = ()  # limits of the service that it misses
    ours: bool = False
    note: str = ""


@dataclass(frozen=True)
class Progress:
    """How the search converged; one entry a round."""

    evaluations: Array
    seconds: Array
    hypervolume: Array  # empty when there is one objective
    best: dict[str, Array]  # objective -> best feasible value so far, NaN before the first


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


@dataclass(frozen=True)
class ReportData:
    """Everything in one report, in reading order."""

    title: str
    question: str
    headline: tuple[str, ...]
    objectives: tuple[Measure, ...]
    measures: dict[str, Measure]  # metrics shown anywhere
    variables: tuple[Measure, ...]
    cloud: Cloud
    best: tuple[Best, ...]
    rivals: tuple[Rival, ...]
    progress: Progress | None
    counts: dict[str, str]  # what was evaluated, in words
    relaxations: tuple[str, ...] = ()  # what would admit a design, when nothing is feasible
    assumptions: tuple[Assumption, ...] = ()
    sources: tuple[Source, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    reproduce: tuple[str, ...] = ()
