"""Everything that the models say of one pool, before it is summed up."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from costmodel.economics.cost import Cost, Price
from costmodel.economics.tco import Tco
from costmodel.hardware.system import Pool
from costmodel.physics.area import DieArea
from costmodel.physics.energy import Energy
from costmodel.physics.floorplan import Floorplan
from costmodel.physics.power import Power
from costmodel.physics.thermal import Thermal
from costmodel.timing.mapped import Mapped
from costmodel.timing.resources import Resources


@dataclass(frozen=True)
class PoolResult:
    """Results of one pool ``[*batch]``; see the records for their shapes."""

    pool: Pool
    clock: Tensor  # of the compute die [Hz]
    resources: Resources
    mapped: Mapped
    areas: tuple[DieArea, ...]
    floorplan: Floorplan
    energy: Energy
    power: Power
    thermal: Thermal
    refresh_loss: Tensor  # [1]
    cost: Cost
    price: Price
    tco: Tco
    seconds: Tensor  # [*batch,P] busy time of a package for one average request [s]
    memory_bandwidth: Tensor  # peak of the nearest tier [byte/s]
    memory_used: Tensor  # weights and KV cache over capacity [1]
    weight: Tensor  # [P] share of the requests [1]
