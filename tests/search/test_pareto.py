"""Fronts, hypervolume, knee and infeasibility against plain enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from search.infeasible import diagnose
from search.pareto import front, hypervolume, knee, normalised_hypervolume
from search.samplers.evolution import survival_order

POINTS = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 6)
)


@given(POINTS, st.data())
def test_front_by_definition(points, data):
    count = len(points)
    feasible = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    rows = front(points, feasible)
    chosen = {tuple(points[row]) for row in rows}
    assert len(chosen) == len(rows)
    expected = {
        tuple(p)
        for p in points[feasible]
        if not any((q <= p).all() and (q < p).any() for q in points[feasible])
    }
    assert chosen == expected


@given(POINTS)
def test_hypervolume_by_counting_unit_squares(points):
    cells = sum(
        any((p <= (x, y)).all() for p in points) for x, y in itertools.product(range(7), repeat=2)
    )
    assert hypervolume(points, np.array([7.0, 7.0])) == pytest.approx(cells)


def test_knee_is_where_the_front_bends():
    bent = np.array([[0.0, 10.0], [1.0, 2.0], [5.0, 1.5], [10.0, 0.0]])
    assert knee(bent) == 1
    assert knee(bent * [1e-3, 1e6]) == 1  # whatever the units
    assert knee(np.array([[3.0], [1.0], [2.0]])) == 1
    with pytest.raises(ValueError, match="no knee"):
        knee(np.zeros((0, 2)))


def test_normalised_hypervolume_of_a_straight_front_tends_to_one_half():
    x = np.linspace(0, 1, 1001)
    assert normalised_hypervolume(np.stack([x, 1 - x], 1)) == pytest.approx(0.5, abs=1e-3)


def test_survivors_are_feasible_first():
    objectives = np.array([[5.0, 5.0], [1.0, 1.0], [0.0, 0.0], [0.0, 2.0]])
    violation = np.array([0.0, 0.0, 0.3, 0.1])
    assert survival_order(objectives, violation).tolist() == [1, 0, 3, 2]


def test_a_single_limit_is_relaxed_as_little_as_possible():
    names = ("power", "area", "cost")
    violations = np.array([[0.2, -1, -1], [0.1, -1, -1], [-1, 0.5, -1], [0.01, 0.01, 0.01]])
    found = diagnose(violations, names)
    assert [(r.names, r.design) for r in found.single] == [(("power",), 1), (("area",), 2)]
    assert found.joint.design == 3
    assert found.broken["power"] == 0.75
    assert found.always == ()
    assert "relaxing power by 10.00% alone admits design 1" in "; ".join(found.lines())


def test_when_no_single_limit_is_enough_several_give():
    violations = np.array([[0.2, 0.3, -1.0], [0.4, 0.05, -1.0], [np.inf, 0.0, 0.1]])
    found = diagnose(violations, ("power", "area", "cost"))
    assert found.single == ()
    assert found.always == ("power",)
    assert found.joint.amounts == {"power": 0.4, "area": 0.05}
    assert "relaxing power by 40.00% and area by 5.00%" in found.lines()[-1]


def test_rules_do_not_give_while_a_design_obeys_them():
    violations = np.array([[-1.0, 0.01], [0.5, -1.0], [0.7, -1.0]])
    found = diagnose(violations, ("power", "reticle"), limits=("power",))
    assert [(r.names, r.design) for r in found.single] == [(("power",), 1)]
    assert found.joint.amounts == {"power": 0.5}
    found = diagnose(violations[:1], ("power", "reticle"), limits=("power",))
    assert found.joint.amounts == {"reticle": 0.01}


def test_nothing_to_explain():
    assert diagnose(np.array([[-0.1, 0.0]]), ("a", "b")) is None
    assert diagnose(np.zeros((0, 2)), ("a", "b")) is None


@given(arrays.arrays(np.float64, (9, 3), elements=st.floats(-1, 1)))
def test_each_relaxation_admits_its_design_and_less_does_not(violations):
    found = diagnose(violations, ("a", "b", "c"))
    if found is None:
        return
    for relaxation in found.single:
        column = "abc".index(relaxation.names[0])
        amount = relaxation.amounts[relaxation.names[0]]
        allowed = np.zeros(3)
        allowed[column] = amount
        assert (violations <= allowed).all(1)[relaxation.design]
        allowed[column] = amount * (1 - 1e-9)
        assert not (violations <= allowed).all(1).any()
