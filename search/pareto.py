"""Fronts of feasible designs: which ones nobody beats, how good they are together, the knee."""

from __future__ import annotations

import moocore
import numpy as np


def front(objectives: np.ndarray, feasible: np.ndarray) -> np.ndarray:
    """Rows that no feasible row beats.

    Parameters
    ----------
    objectives : array [N,M]
        Minimised.
    feasible : array [N] of bool

    Returns
    -------
    array of int
        Rows ordered by the first objective, one of each set of equal objectives.

    Examples
    --------
    >>> costs = np.array([[3.0, 1.0], [1.0, 3.0], [3.0, 3.0], [0.0, 0.0]])
    >>> front(costs, np.array([True, True, True, False]))  # the last one misses a limit
    array([1, 0])
    """
    rows = np.flatnonzero(feasible & np.isfinite(objectives).all(1))
    if len(rows) == 0:
        return rows
    best = rows[np.asarray(moocore.is_nondominated(objectives[rows], keep_weakly=False))]
    keys = tuple(objectives[best, column] for column in reversed(range(objectives.shape[1])))
    ordered: np.ndarray = best[np.lexsort(keys)]
    return ordered


def hypervolume(objectives: np.ndarray, reference: np.ndarray) -> float:
    """Volume between a front ``[N,M]`` and a reference point ``[M]``; 0 for an empty front.

    >>> two = np.array([[1.0, 3.0], [3.0, 1.0]])  # 3 x 1 and 1 x 3 below (4, 4), sharing 1 x 1
    >>> hypervolume(two, np.array([4.0, 4.0]))
    5.0
    """
    inside = objectives[(objectives <= reference).all(1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0


def relative_hypervolume(objectives: np.ndarray, reference: np.ndarray) -> float:
    """Hypervolume of a front ``[N,M]`` with each objective in shares of a reference point ``[M]``.

    It needs no units: 0.3 with one objective is a best value 30 % better than the reference.
    """
    unit = np.where(reference == 0, 1.0, np.abs(reference))
    return hypervolume(objectives / unit, reference / unit)


def normalised_hypervolume(objectives: np.ndarray) -> float:
    """Share of the box between the ideal and the nadir of a front that it covers, in (0, 1].

    It shows the shape of one front; fronts of different studies need one common reference.
    """
    if len(objectives) < 2:
        return 1.0 if len(objectives) else 0.0
    scaled = scale(objectives)
    return hypervolume(scaled, np.ones(objectives.shape[1]))


def scale(objectives: np.ndarray) -> np.ndarray:
    """Objectives of a front with its ideal at 0 and its nadir at 1."""
    low, high = objectives.min(0), objectives.max(0)
    scaled: np.ndarray = (objectives - low) / np.where(high > low, high - low, 1.0)
    return scaled


def knee(objectives: np.ndarray) -> int:
    """Row of a front ``[N,M]`` where giving up a little of one objective gains least of another.

    The row furthest below the plane through the ends of the front, after scaling; with one
    objective the best row.

    >>> knee(np.array([[0.0, 10.0], [1.0, 2.0], [10.0, 0.0]]))
    1
    """
    if len(objectives) == 0:
        raise ValueError("an empty front has no knee")
    if objectives.shape[1] == 1:
        return int(objectives[:, 0].argmin())
    return int(scale(objectives).sum(1).argmin())
