"""From values of variables to hardware: a template with overrides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.system import Designs, Pool, replace_at
from costmodel.numerics.units import split_suffix, to_si
from search.space import Space
from search.variables import Knob, enabled_cores, split_name


@dataclass(frozen=True)
class Decoder:
    """Puts the values of a space's variables into a template system.

    Parameters
    ----------
    space : Space
        Says which column is which variable.
    template : Designs of batch ()
        Gives every field that is not searched.
    """

    space: Space
    template: Designs

    def decode(self, x: Tensor) -> Designs:
        """Designs of a batch of rows: ``[*batch,V]`` -> leaves that broadcast to ``[*batch]``."""
        return self.decode_values(self.space.values(x), exact=True)

    def decode_values(self, values: Tensor, exact: bool) -> Designs:
        """Designs from values in the units of their names.

        Parameters
        ----------
        values : Tensor [*batch,V]
            As `Space.values` gives them; may stand between levels and carry a gradient.
        exact : bool
            Whether cores are whole; false lets slopes through.
        """
        designs = self.template
        for column, variable in enumerate(self.space.variables):
            role, knob = split_name(variable.name)
            value = values[..., column]
            for index, pool in enumerate(self.template.pools):
                if role and pool.role != role:
                    continue
                for path in paths(knob, pool):
                    leaf = self._leaf(knob, f"pools.{index}.{path}", value)
                    designs = replace_at(designs, f"pools.{index}.{path}", leaf)
        return self._enable_cores(designs, exact)

    def _leaf(self, knob: Knob, path: str, value: Tensor) -> Tensor:
        """One leaf in the unit and the type of the hardware record."""
        if knob.kind == "choice":
            return value.detach().round().to(torch.int64)
        unit = split_suffix(knob.name)[1]
        scale = to_si(1.0, unit)
        value = value * scale if scale != 1.0 else value
        if path.endswith("voltage_sram"):
            return torch.maximum(value, leaf_at(self.template, path).expand_as(value))
        return value

    def _enable_cores(self, designs: Designs, exact: bool) -> Designs:
        """Turn the enabled share into cores, once the number built is in place."""
        for index, pool in enumerate(self.template.pools):
            for number, die in enumerate(pool.package.dies):
                if die.role != "compute":
                    continue
                path = f"pools.{index}.package.dies.{number}."
                built = leaf_at(designs, path + "cores_built")
                share = leaf_at(designs, path + "cores_enabled")
                if not self._searched("enabled_fraction", pool):
                    share = die.cores_enabled / die.cores_built.clamp_min(1)
                enabled = enabled_cores(built, share) if exact else built * share
                designs = replace_at(designs, path + "cores_enabled", enabled)
        return designs

    def _searched(self, stem: str, pool: Pool) -> bool:
        return stem in self.space.names or f"{pool.role}.{stem}" in self.space.names


def paths(knob: Knob, pool: Pool) -> Iterator[str]:
    """Where a knob's value goes in a pool."""
    for target in knob.targets:
        if "{compute}" in target:
            for number, die in enumerate(pool.package.dies):
                if die.role == "compute":
                    yield target.replace("{compute}", str(number))
        else:
            yield target


def leaf_at(designs: Designs, path: str) -> Tensor:
    """The leaf that a path names."""
    record: object = designs
    for part in path.split("."):
        record = record[int(part)] if isinstance(record, tuple) else getattr(record, part)
    if not isinstance(record, Tensor):
        raise TypeError(f"{path} is no leaf")
    return record
