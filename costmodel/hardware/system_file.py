"""Schema of a system YAML: known chips, users' own files and exported designs share it.

Keys carry their unit as a suffix. A number is written plainly, or with how it is known:
``{value: 814, kind: datasheet, source: epoch, note: ...}``; plain ones take the file's ``default``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from costmodel.hardware.loading import Kind


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stated(_File):
    """A number and how it is known."""

    value: float = Field(strict=True, allow_inf_nan=False)
    kind: Kind | None = None
    source: str | list[str] | None = None
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _plain_number(cls, data: Any) -> Any:
        return data if isinstance(data, (dict, Stated)) else {"value": data}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A number, or the object."""
        return {"anyOf": [{"type": "number"}, handler(schema)]}


class FactFile(Stated):
    """Something published about a chip that the model may be checked against."""

    certainty: Literal["found", "bound", "estimate"]


def number(value: float) -> Stated:
    """A plain number as a default."""
    return Stated(value=value)


class DieFile(_File):
    """One kind of die. A compute die states its voltage, or its clock (the voltage follows)."""

    role: Literal["compute", "io"]
    node: str
    machine: str = "systolic"
    count: Stated = number(1.0)
    array_rows: Stated = number(0.0)
    array_columns: Stated = number(0.0)
    arrays_per_core: Stated = number(0.0)
    cores_built: Stated = number(0.0)
    cores_enabled: Stated = number(0.0)
    vector_lanes: Stated = number(0.0)
    rate_bf16: Stated = number(0.0)
    rate_int8: Stated = number(0.0)
    rate_fp8: Stated = number(0.0)
    rate_fp4: Stated = number(0.0)
    l1_KiB: Stated = number(0.0)
    l2_MiB: Stated = number(0.0)
    clock_GHz: Stated | None = None
    clock_scale: Stated | None = None
    voltage_logic_V: Stated | None = None
    voltage_sram_V: Stated | None = None


class MemoryFile(_File):
    """One tier of memory: pins run at a fraction of the row's rate, or give a bandwidth."""

    kind: str
    stacks: Stated
    rate_fraction: Stated | None = None
    bandwidth_TBps: Stated | None = None


class NetworkFile(_File):
    """One tier of network; the bandwidth is per link and direction."""

    kind: str
    topology: str
    links: Stated
    link_bandwidth_GBps: Stated
    domain: Stated


class PackageFile(_File):
    """A package; empty lists mean no memory beside the dies, no network."""

    kind: str
    cooling: str
    dies: list[DieFile] = Field(min_length=1)
    memory: list[MemoryFile] = Field(default_factory=list)
    network: list[NetworkFile] = Field(default_factory=list)


class MappingFile(_File):
    """Tiles that every matrix product takes, no larger than it is."""

    tile_rows: Stated
    tile_columns: Stated
    depth_pieces: Stated = number(1.0)
    block_rows: Stated
    block_columns: Stated
    block_depth: Stated
    loop_order: str = "mnk"
    hold: str = "none"


class DeploymentFile(_File):
    """How the pool serves a model."""

    format: str
    tensor_parallel: Stated = number(1.0)
    pipeline_parallel: Stated = number(1.0)
    expert_parallel: Stated = number(1.0)
    data_parallel: Stated = number(1.0)
    batch: Stated = number(1.0)
    mapping: MappingFile | None = None


class PoolFile(_File):
    """Identical packages with one role; no price means our own manufacturing cost."""

    role: Literal["both", "prefill", "decode"]
    software: str
    price_USD: Stated | None = None
    package: PackageFile
    deployment: DeploymentFile


class DefaultFile(_File):
    """How the numbers of the file are known that do not say so themselves."""

    kind: Kind
    source: str | list[str]
    note: str = ""


class SystemFile(_File):
    """A system: one or more pools."""

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    title: str
    default: DefaultFile | None = None
    pools: list[PoolFile] = Field(min_length=1)
    facts: dict[str, FactFile] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
