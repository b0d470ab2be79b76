"""Packages that import what they offer when it is first used.

A command that only explains itself, or refuses what it was given, must not wait seconds for
libraries that it never asks. The packages above the stages (`app`, `api`, `demo`, `cli.answers`)
therefore offer their names through PEP 562, in the form of Scientific Python's SPEC 1. Whoever
wants to profit writes `import sendopt.app` and `sendopt.app.open_app(...)`;
`from sendopt.app import open_app` works too and imports at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def offered_by(package: str, sources: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of `package`.

    Args:
        package: its name, `__name__`.
        sources: for each name that it offers, the module which has it; a module inside the
            package that is offered as a whole is its own source.
    """

    def at_first_use(name: str) -> Any:
        try:
            source = sources[name]
        except KeyError:
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
        module = importlib.import_module(source)
        return module if source == f"{package}.{name}" else getattr(module, name)

    return at_first_use
