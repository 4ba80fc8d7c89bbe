"""Public names of a package, imported when they are first asked for.

``import search`` takes milliseconds, not the seconds that the numerics need, and ``--help`` and
completion never pay for them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class Package(ModuleType):
    """A package that imports a public name on first use.

    Where a function shares its name with the module that it lives in, the package shows the
    function, whichever was imported first.
    """

    _homes: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        home = self.__dict__.get("_homes", {}).get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, _named(import_module(home), name))
        return self.__dict__[name]

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system hands every new submodule to its package.
        if isinstance(value, ModuleType) and self._homes.get(name) == value.__name__:
            value = _named(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._homes})


def _named(module: ModuleType, name: str) -> Any:
    """What a module holds under a name; itself when that is its own name and it holds none."""
    own = module.__name__.rpartition(".")[2] == name
    return getattr(module, name, module) if own else getattr(module, name)


def publish(package: str, modules: Mapping[str, tuple[str, ...]]) -> None:
    """Make names of a package's modules names of the package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : mapping of str to tuple of str
        Module below the package, without the package's name, and what is public of it; its own
        name makes the module itself public, unless it holds something of that name.
    """
    module = sys.modules[package]
    module.__dict__["_homes"] = {
        name: f"{package}.{home}" for home, names in modules.items() for name in names
    }
    module.__class__ = Package
