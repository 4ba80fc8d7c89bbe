"""Import of a Hugging Face ``config.json``; an unknown architecture fails loudly."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from costmodel.errors import DataError
from costmodel.workload.transformer import SUPPORTED, Transformer

REQUIRED = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
)


def load_transformer(path: Path, name: str | None = None) -> Transformer:
    """Read the dimensions of a dense GQA model.

    Parameters
    ----------
    path : Path
        A ``config.json``.
    name : str, optional
        Name in reports; the file's stem otherwise.

    Raises
    ------
    DataError
        File missing, not JSON, architecture unsupported, a key missing or not a positive
        integer, or a feature that the dense GQA operators would get wrong.
    """
    config = _read(path)
    architectures = config.get("architectures") or []
    found = architectures[0] if isinstance(architectures, list) and architectures else None
    if found not in SUPPORTED:
        near = difflib.get_close_matches(str(found), sorted(SUPPORTED), n=1)
        hint = f"; nearest supported: {near[0]}" if near else ""
        raise DataError(
            f"{_at(path, 'architectures')}: architecture {found!r} is not supported; expected one "
            f"of {', '.join(sorted(SUPPORTED))} (dense, grouped-query attention){hint}"
        )
    values = {key: _positive(path, config, key) for key in REQUIRED}
    heads = values["num_attention_heads"]
    kv_heads = _positive(path, config, "num_key_value_heads", default=heads)
    head_dim = _positive(path, config, "head_dim", default=values["hidden_size"] // heads)
    if heads % kv_heads:
        raise DataError(
            f"{_at(path, 'num_key_value_heads')}: {kv_heads} key-value heads do not divide "
            f"{heads} attention heads; expected a divisor"
        )
    window = config.get("sliding_window")
    if window and config.get("use_sliding_window", True):
        raise DataError(
            f"{_at(path, 'sliding_window')}: sliding-window attention ({window}) is not modelled; "
            "expected null. Remove the key to model full attention"
        )
    return Transformer(
        name=name or path.stem,
        hidden=values["hidden_size"],
        intermediate=values["intermediate_size"],
        layers=values["num_hidden_layers"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocabulary=values["vocab_size"],
        tied_embeddings=bool(config.get("tie_word_embeddings", False)),
        attention_bias=bool(config.get("attention_bias", found == "Qwen2ForCausalLM")),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such model file; expected a config.json") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); expected a config.json") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}:1: found {type(config).__name__}; expected a JSON object")
    return config


def _at(path: Path, key: str) -> str:
    """``file:line`` of a key, or the file when the key is absent."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if f'"{key}"' in line:
            return f"{path}:{number}: {key}"
    return f"{path}: {key}"


def _positive(path: Path, config: dict[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    if value is None and default is not None:
        return default
    if value is None:
        near = difflib.get_close_matches(key, list(config), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"{path}: {key} is missing; expected a positive integer{hint}")
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise DataError(f"{_at(path, key)}: found {value!r}; expected a positive integer")
    return value
