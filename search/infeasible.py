"""When nothing is feasible: which limits stand in the way, and the least that has to give."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Relaxation:
    """What has to give so that one design that was evaluated becomes feasible.

    Parameters
    ----------
    amounts : dict of str to float
        Limit or rule -> by which share of itself it is exceeded.
    design : int
        Row of that design.
    """

    amounts: dict[str, float]
    design: int

    @property
    def names(self) -> tuple[str, ...]:
        """What gives, largest first."""
        return tuple(sorted(self.amounts, key=lambda name: -self.amounts[name]))


Wording = Callable[[str, float, int], str]
"""A limit, the share by which it is exceeded and the design that exceeds it, in words."""


def by_share(name: str, amount: float, design: int) -> str:
    """The wording that knows nothing of units."""
    del design
    return f"{name} by {amount:.2%}"


@dataclass(frozen=True)
class Diagnosis:
    """Why no design is feasible.

    Parameters
    ----------
    broken : dict of str to float
        Limit or rule -> share of the designs that break it, commonest first.
    always : tuple of str
        What every design breaks.
    single : tuple of Relaxation
        Least change of one limit, all others held, smallest first; empty when none is enough.
    joint : Relaxation
        Least total change of several limits that admits a design.
    wording : callable
        How a change is put into words.
    """

    broken: dict[str, float]
    always: tuple[str, ...]
    single: tuple[Relaxation, ...]
    joint: Relaxation
    wording: Wording = by_share

    def lines(self) -> list[str]:
        """The diagnosis in words."""
        text = [
            "no design meets every limit; broken by: "
            + ", ".join(f"{name} {share:.0%}" for name, share in self.broken.items())
        ]
        if self.always:
            text.append(f"no design evaluated meets {', '.join(self.always)}")
        for relaxation in self.single:
            words = " and ".join(self._words(relaxation))
            text.append(f"relaxing {words} alone admits design {relaxation.design}")
        if not self.single:
            words = " and ".join(self._words(self.joint))
            text.append(
                f"no single limit is enough; relaxing {words} admits design {self.joint.design}"
            )
        return text

    def _words(self, relaxation: Relaxation) -> list[str]:
        amounts = relaxation.amounts
        return [self.wording(name, amounts[name], relaxation.design) for name in relaxation.names]


def diagnose(
    violations: np.ndarray, names: tuple[str, ...], limits: Collection[str] | None = None
) -> Diagnosis | None:
    """Look at the violations of all designs evaluated.

    Parameters
    ----------
    violations : array [N,G]
        Normalised, feasible at most 0.
    names : tuple of str
        Limits and rules, G of them.
    limits : collection of str, optional
        Which of them may give, all by default. Designs that break a rule of validity are named
        only when every design does.

    Returns
    -------
    Diagnosis, or None when a design is feasible or none was evaluated.
    """
    over = np.maximum(violations, 0.0)
    if len(over) == 0 or (over == 0).all(1).any():
        return None
    share = (over > 0).mean(0)
    order = [int(i) for i in np.argsort(-share, kind="stable") if share[i] > 0]
    single = []
    rules = [
        column for column, name in enumerate(names) if limits is not None and name not in limits
    ]
    valid = (over[:, rules] == 0).all(1)
    if not valid.any():
        valid[:] = True
    alone_in = valid & ((over > 0).sum(1) == 1)
    for column in order:
        alone = np.flatnonzero(alone_in & (over[:, column] > 0) & np.isfinite(over[:, column]))
        if len(alone):
            row = int(alone[over[alone, column].argmin()])
            single.append(Relaxation({names[column]: float(over[row, column])}, row))
    single.sort(key=lambda relaxation: next(iter(relaxation.amounts.values())))
    row = int(np.where(valid, over.sum(1), np.inf).argmin())
    amounts = {names[i]: float(over[row, i]) for i in range(len(names)) if over[row, i] > 0}
    return Diagnosis(
        broken={names[i]: float(share[i]) for i in order},
        always=tuple(names[i] for i in order if share[i] == 1.0),
        single=tuple(single),
        joint=Relaxation(amounts, row),
    )
