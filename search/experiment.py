"""The experiment file: what is searched, within which limits, for what, for how long.

Every key with a dimension carries its unit as a suffix. Unknown keys are refused. `load` reads the
file with its line numbers, applies overrides, and says about every mistake where it stands, what
was found, what was expected and the nearest valid name. Names of models, chips, rows and metrics
are checked when an experiment is resolved (`search.resolve`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from search.variables import KNOBS, ROLES, Knob

SCHEMA_VERSION = 1
NAME = r"^[0-9A-Za-z][0-9A-Za-z._-]*$"
Scalar = str | int | float


class Part(BaseModel):
    """Base of all parts: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Choices(Part):
    """A variable given by a list, or by one value."""

    values: tuple[Scalar, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, dict) and set(data) != {"values"}:
            raise PydanticCustomError("shape", "a name, or a list of names")
        if isinstance(data, dict | Choices):
            return data
        return {"values": data if isinstance(data, list | tuple) else [data]}

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        twice = [value for index, value in enumerate(values) if value in values[:index]]
        if twice:
            raise PydanticCustomError(
                "twice", "different values; {value} is there twice", {"value": twice[0]}
            )
        return values

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """One name or a list of names."""
        del schema, handler
        return {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            ]
        }


class Numbers(Part):
    """A numeric variable: one value, a list, or a range.

    A range has a ``step``, a number of ``levels`` (evenly spaced, in the logarithm with ``log``),
    or neither: then it is continuous.
    """

    values: tuple[int | float, ...] | None = None
    range: tuple[int | float, int | float] | None = None
    step: float | None = Field(default=None, gt=0)
    levels: int | None = Field(default=None, ge=2, le=100_000)
    log: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, dict | Numbers):
            return data
        return {"values": data if isinstance(data, list | tuple) else [data]}

    @model_validator(mode="after")
    def _consistent(self) -> Numbers:
        if (self.values is None) == (self.range is None):
            raise PydanticCustomError(
                "shape", "a value, a list, or a mapping with range: [low, high]"
            )
        if self.values is not None:
            if not self.values:
                raise PydanticCustomError("empty", "at least one value")
            if len(set(self.values)) < len(self.values):
                raise PydanticCustomError("twice", "different values")
            if self.step or self.levels or self.log:
                raise PydanticCustomError("shape", "step, levels and log only with range")
        if self.range is not None:
            low, high = self.range
            if low >= high:
                raise PydanticCustomError(
                    "upside_down",
                    "range: [low, high] with low below high, so [{high}, {low}]",
                    {"low": low, "high": high},
                )
            if self.step and (self.levels or self.log):
                raise PydanticCustomError("shape", "either step, or levels (with or without log)")
            if self.log and low <= 0:
                raise PydanticCustomError("log", "a range above 0 with log")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A number, a list of numbers, or a range."""
        full = handler(schema)
        properties = {k: v for k, v in full["properties"].items() if k != "values"}
        return {
            "anyOf": [
                {"type": "number"},
                {"type": "array", "items": {"type": "number"}, "minItems": 1, "uniqueItems": True},
                {
                    "type": "object",
                    "properties": properties,
                    "required": ["range"],
                    "additionalProperties": False,
                },
            ]
        }


def _field(knob: Knob) -> tuple[Any, Any]:
    kind = Choices if knob.kind == "choice" else Numbers
    return kind | None, Field(default=None, description=knob.title)


_KNOB_FIELDS: dict[str, Any] = {knob.name: _field(knob) for knob in KNOBS}
PoolSpace = create_model("PoolSpace", __base__=Part, **_KNOB_FIELDS)
PoolSpace.__doc__ = "Variables of one pool."
_ROLE_FIELDS: dict[str, Any] = {
    role: (PoolSpace | None, Field(default=None, description=f"variables of the {role} pool alone"))
    for role in ROLES
}
SpaceFile = create_model("SpaceFile", __base__=Part, **_KNOB_FIELDS, **_ROLE_FIELDS)
SpaceFile.__doc__ = "What is searched; what is missing here is taken from the template."


Positive = Annotated[float, Field(gt=0)]


class LimitsFile(Part):
    """Largest allowed values; what is missing is not limited."""

    package_power_W: Positive | dict[str, Positive] | None = Field(
        default=None, description="hottest phase; one number, or one for each way of cooling"
    )
    rack_power_kW: Positive | None = None
    junction_temperature_C: float | None = None
    memory_temperature_C: float | None = None
    die_area_mm2: Positive | None = None
    memory_capacity_percent: Positive | None = Field(
        default=None, le=100, description="share of the memory in use"
    )
    current_density_Apmm2: Positive | None = None
    ttft_ms: Positive | None = None
    tpot_ms: Positive | None = None
    unit_cost_USD: Positive | None = None


class Objective(Part):
    """A metric and the direction in which it is better; its own direction when not said."""

    metric: str
    direction: Literal["minimize", "maximize"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"metric": data} if isinstance(data, str) else data


class PhaseFile(Part):
    """One sampler of several, and the evaluations after which the next one takes over."""

    name: str
    options: dict[str, Scalar] = Field(default_factory=dict)
    evaluations: int = Field(
        default=0,
        ge=0,
        description="designs proposed before the next one takes over; 0: while it has work",
    )


class SamplerFile(Part):
    """One sampler by name, or phases."""

    name: str | None = None
    options: dict[str, Scalar] = Field(default_factory=dict)
    phases: tuple[PhaseFile, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_or_phases(self) -> SamplerFile:
        if (self.name is None) == (not self.phases) or (self.phases and self.options):
            raise PydanticCustomError(
                "shape",
                "either name (and options), or phases; -S 'sampler={name: ...}' replaces both",
            )
        return self


class BudgetFile(Part):
    """When a search stops: whichever comes first."""

    evaluations: int = Field(ge=1, description="distinct designs; a gradient step counts for 3")
    seconds: float | None = Field(default=None, gt=0, description="of all sessions together")


class ExecutionFile(Part):
    """How batches follow one another."""

    mode: Literal["sync", "async"] = Field(
        default="sync",
        description="sync: one batch after the other, the same bytes after a resume; async: the "
        "next batch is asked for while others are evaluated",
    )
    in_flight: int = Field(default=2, ge=2, le=64, description="batches in evaluation with async")


class Experiment(Part):
    """One study."""

    schema_version: Literal[1]
    name: str = Field(pattern=NAME, max_length=100)
    title: str = ""
    model: str = Field(description="a shipped model, or a path to a config.json")
    scenario: str = Field(description="a shipped scenario, or a path to a YAML file")
    template: str = Field(description="a chip, or a path to a system YAML: what is not searched")
    volume: float = Field(default=100_000, gt=0, description="packages that share one-time costs")
    seed: int = Field(default=0, ge=0, lt=2**31)
    mapping_mode: Literal["optimal", "library", "fixed"] = Field(
        default="optimal",
        description="optimal: the best mapping of every operator is looked for; library: the tiles "
        "and the efficiency of software as shipped; fixed: tiles are variables of the space",
    )
    money: Literal["manufacturing", "market"] = "manufacturing"
    space: SpaceFile
    limits: LimitsFile = LimitsFile()
    objectives: tuple[Objective, ...] = Field(min_length=1, max_length=6)
    sampler: SamplerFile
    budget: BudgetFile
    execution: ExecutionFile = ExecutionFile()
    rivals: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Experiment:
        metrics = [objective.metric for objective in self.objectives]
        if len(set(metrics)) < len(metrics):
            raise PydanticCustomError("twice", "every objective once")
        return self


def schema() -> str:
    """JSON Schema of the experiment file, for editors."""
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Experiment.model_json_schema(),
        "title": "Scoville experiment",
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def schema_path() -> Path:
    """Where the generated schema lies."""
    import costmodel

    return Path(costmodel.__path__[0]) / "data" / "schema" / "experiment.schema.json"


if __name__ == "__main__":
    schema_path().parent.mkdir(exist_ok=True)
    schema_path().write_text(schema(), encoding="utf-8")
