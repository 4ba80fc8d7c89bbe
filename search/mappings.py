"""How every matrix product of a machine is mapped: its blocks, loops and tiles, for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from costmodel.evaluate import evaluate_pool
from costmodel.hardware.system import Designs
from costmodel.hardware.technology import Technology
from costmodel.timing.mapped import Mapped
from costmodel.timing.mapping import ORDERS
from costmodel.timing.tables import Tables
from costmodel.workload.operators import Operators, Workload

HELD = ((1, "activations"), (2, "weights"), (4, "partial sums"))


@dataclass(frozen=True)
class OperatorMapping:
    """One matrix product and how it is mapped; sizes are counts, times seconds."""

    point: str  # "<request>/<phase>"
    operator: str
    runs: int  # in one step of one stage
    product: tuple[int, int, int]  # rows, columns, depth
    block: tuple[int, int, int]  # rows, columns, depth
    order: str  # loops over blocks, outermost first
    held: tuple[str, ...]  # operands that stay while their loop repeats
    tile: tuple[int, int]  # rows, columns of a core
    pieces: int  # cores that share the depth of a tile
    seconds: float  # of one run
    bound: str  # the component that is busy longest
    busy: float  # its share of the time

    def record(self) -> dict[str, object]:
        """The same as plain containers."""
        names = ("rows", "columns", "depth")
        return {
            "point": self.point,
            "operator": self.operator,
            "runs": self.runs,
            "product": dict(zip(names, self.product, strict=True)),
            "block": dict(zip(names, self.block, strict=True)),
            "order": self.order,
            "held": list(self.held),
            "tile": {"rows": self.tile[0], "columns": self.tile[1]},
            "pieces": self.pieces,
            "seconds": self.seconds,
            "bound": self.bound,
            "busy": self.busy,
        }


def mappings_of(
    designs: Designs, workload: Workload, technology: Technology, tables: Tables
) -> tuple[OperatorMapping, ...]:
    """The mapping of every matrix product of one system of batch ``()``, pool by pool.

    Examples
    --------
    >>> import costmodel
    >>> found = mappings_of(
    ...     costmodel.load_chip("trainium2").designs,
    ...     costmodel.load_workload("llama-3.1-8b", "interactive"),
    ...     costmodel.load_technology(), costmodel.build_tables(),
    ... )
    >>> found[0].operator, found[0].product
    ('qkv', (2048, 768, 4096))
    """
    rows: list[OperatorMapping] = []
    for pool in designs.pools:
        width = technology.at("format", "bytes", pool.deployment.format)
        operators = workload.operators(pool.deployment, width, pool.role)
        mapped = evaluate_pool(pool, workload, technology, tables).mapped
        rows.extend(_rows(operators, mapped))
    return tuple(rows)


def _rows(operators: Operators, mapped: Mapped) -> Iterator[OperatorMapping]:
    """Products in the order of points and operators, those that never run left out."""
    where = operators.index("gemm")
    names = operators.names[where]
    for p, point in enumerate(mapped.points):
        for g, name in enumerate(names):
            at = where.start + g
            runs = _at(mapped.count, p, at)
            if runs <= 0:
                continue
            busy = mapped.time[..., p, at, :].flatten()
            seconds = _at(mapped.latency, p, at)
            longest = int(busy.argmax())
            chosen = {key: _at(value, p, g) for key, value in mapped.tile.items()}
            hold = int(chosen["hold"])
            yield OperatorMapping(
                point=point,
                operator=name,
                runs=round(runs),
                product=tuple(  # type: ignore[arg-type]
                    round(_at(leaf, p, at))
                    for leaf in (operators.rows, operators.columns, operators.depth)
                ),
                block=tuple(  # type: ignore[arg-type]
                    round(chosen[key]) for key in ("block_rows", "block_columns", "block_depth")
                ),
                order=ORDERS[int(chosen["order"])],
                held=tuple(word for bit, word in HELD if hold & bit),
                tile=(round(chosen["rows"]), round(chosen["columns"])),
                pieces=round(chosen["pieces"]),
                seconds=seconds,
                bound=mapped.components[longest],
                busy=float(busy[longest]) / seconds,
            )


def _at(leaf: Tensor, point: int, operator: int) -> float:
    """One entry of a leaf ``[...,P,O]`` that may have size one where it is constant."""
    p, o = min(point, leaf.shape[-2] - 1), min(operator, leaf.shape[-1] - 1)
    return float(leaf[..., p, o].flatten()[0])
