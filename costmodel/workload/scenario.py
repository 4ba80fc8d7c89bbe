"""What the traffic looks like: request kinds with lengths and weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """One kind of request of a traffic mix.

    `new_tokens` are prefilled after `cached_tokens` that are already in the KV cache, then
    `generated_tokens` are decoded one by one at a mean context of `decode_context`.
    """

    name: str
    weight: float  # share of the requests [1]
    new_tokens: int
    cached_tokens: int
    generated_tokens: int
    decode_context: int  # tokens a generated token attends to, on average


@dataclass(frozen=True)
class Scenario:
    """A weighted mix of requests; weights sum to one."""

    name: str
    title: str
    requests: tuple[Request, ...]
    volume: float | None = None  # packages made, over which one-time cost is spread [count]
