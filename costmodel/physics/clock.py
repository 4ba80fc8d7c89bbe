"""Clock and energy scales of a die: the voltage-frequency law of its node.

A node's claims against N7 are two points of one curve (see `costmodel.hardware.voltage`): at its
nominal voltage a node runs at ``speed_iso_power`` times the speed of N7 for ``1 / speed_iso_power``
of the energy. Everything below hangs on that point and moves along the curve with the voltage.
"""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.hardware.system import Die, Package
from costmodel.hardware.technology import Technology
from costmodel.hardware.voltage import relative_speed
from costmodel.numerics.relax import power

REFERENCE_NODE = "n7"
"""Energies and areas of the tables are stated for this node at its nominal voltage."""


def at_reference(technology: Technology, column: str) -> Tensor:
    """A column of table ``node`` at the reference node: 0-dimensional or ``[S,1]``, SI."""
    row = torch.tensor(technology.row("node", REFERENCE_NODE))
    return technology.at("node", column, row)


def _speed(technology: Technology, die: Die, voltage: Tensor) -> Tensor:
    """Speed at a voltage over the speed at the nominal one, same node [1]."""
    threshold = technology.at("node", "threshold_voltage", die.node)
    nominal = technology.at("node", "voltage_nominal", die.node)
    exponent = technology.constant("velocity_saturation_exponent")
    return relative_speed(voltage, threshold, exponent) / relative_speed(
        nominal, threshold, exponent
    )


def clock_frequency(technology: Technology, die: Die) -> Tensor:
    r"""Clock of a die at its voltages.

    Parameters
    ----------
    technology : Technology
    die : Die
        Leaves ``[*batch]``.

    Returns
    -------
    Tensor [*batch]
        Clock, increasing in both voltages [Hz].

    Notes
    -----
    .. math:: f = f_{class} \, s_f \, \min\left(g(V_{logic}),\; m \, g(V_{sram})\right), \qquad
              g(V) = \frac{(V - V_{th})^\alpha / V}{(V_{nom} - V_{th})^\alpha / V_{nom}}

    The class anchor :math:`f_{class}` is what a machine of its kind reached on N7 at the nominal
    voltage. Memories are pipelined with a margin :math:`m` over logic, so their rail limits the
    clock only when it is well below the logic rail.
    """
    anchor = technology.at("machine", "clock_anchor", die.machine)
    speed = technology.at("node", "speed_iso_power", die.node)
    logic = _speed(technology, die, die.voltage_logic)
    memory = technology.constant("sram_speed_margin") * _speed(technology, die, die.voltage_sram)
    return anchor * die.clock_scale * speed * torch.minimum(logic, memory)


def package_clocks(technology: Technology, package: Package) -> tuple[Tensor, ...]:
    """Clock of every kind of die of a package, in its order ``[*batch]`` [Hz]."""
    return tuple(clock_frequency(technology, die) for die in package.dies)


def _capacitance(technology: Technology, die: Die) -> Tensor:
    """Switched capacitance per operation, relative to the reference node [1]."""
    speed = technology.at("node", "speed_iso_power", die.node)
    nominal = technology.at("node", "voltage_nominal", die.node)
    ratio = at_reference(technology, "voltage_nominal") / nominal
    return ratio * ratio / speed


def _voltage_squared(technology: Technology, voltage: Tensor) -> Tensor:
    ratio = voltage / at_reference(technology, "voltage_nominal")
    return ratio * ratio


def logic_energy_scale(technology: Technology, die: Die) -> Tensor:
    """Energy of a logic operation relative to N7 at 0.75 V ``[*batch]`` [1].

    ``1 / speed_iso_power`` at the nominal voltage, ``energy_iso_speed`` where the node runs as fast
    as N7, and with the voltage squared in between.
    """
    return _capacitance(technology, die) * _voltage_squared(technology, die.voltage_logic)


def sram_energy_scale(technology: Technology, die: Die) -> Tensor:
    """Energy of an SRAM access relative to N7 at 0.75 V ``[*batch]`` [1].

    Cells shrink less than logic: the capacitance follows logic to a power below one, the voltage
    is that of the SRAM rail.
    """
    exponent = technology.constant("sram_energy_exponent")
    capacitance = power(_capacitance(technology, die), exponent)
    return capacitance * _voltage_squared(technology, die.voltage_sram)


def wire_energy_scale(technology: Technology, die: Die) -> Tensor:
    """Energy of a bit over a length of wire relative to N7 at 0.75 V ``[*batch]`` [1].

    Capacitance per length is the same on every node; only the voltage changes.
    """
    return _voltage_squared(technology, die.voltage_logic)
