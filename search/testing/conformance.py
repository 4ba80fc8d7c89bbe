"""What every sampler must do: a suite for samplers, also for those that live elsewhere.

In a test module of a sampler's own::

    from search.testing.conformance import SamplerSuite

    class TestMine(SamplerSuite):
        sampler = Mine
        options = {"batch": 16}

pytest then runs one test for each law. Without pytest, `broken_laws(Candidate(Mine))` tells them.
A sampler passes by doing what a law asks, or by saying in its class attributes why it cannot;
what it says is checked too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from search.samplers.proposer import Proposer
from search.testing import behaviour, finding, keeping
from search.testing.searches import Candidate, ViolatedError

Law = Callable[[Candidate, Path], None]

LAWS: dict[str, Law] = {
    function.__name__: function
    for module in (behaviour, keeping, finding)
    for function in module.LAWS
}
"""Every law by name; one raises `ViolatedError` for a sampler that breaks it."""


def broken_laws(candidate: Candidate) -> dict[str, str]:
    """The laws that a sampler breaks, and how."""
    broken = {}
    for name, law in LAWS.items():
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            try:
                law(candidate, Path(folder))
            except ViolatedError as error:
                broken[name] = str(error)
    return broken


class SamplerSuite:
    """A test for each law; a subclass names the sampler.

    Attributes
    ----------
    sampler : type of Proposer
    options : mapping
        For small searches.
    evaluations : int
        Budget of one search.
    """

    sampler: ClassVar[type[Proposer]]
    options: ClassVar[Mapping[str, Any]] = {}
    evaluations: ClassVar[int] = Candidate.evaluations


def _test_of(law: Law) -> Callable[[SamplerSuite, Path], None]:
    def test(self: SamplerSuite, tmp_path: Path) -> None:
        law(Candidate(self.sampler, self.options, self.evaluations), tmp_path)

    test.__doc__ = law.__doc__
    return test


for _name, _law in LAWS.items():
    setattr(SamplerSuite, f"test_{_name}", _test_of(_law))
