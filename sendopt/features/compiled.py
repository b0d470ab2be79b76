"""How loops over the log are compiled: for one signature each, on first use in an installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(*signature: Any) -> Callable[..., Any]:
    """Compile for one signature, result first, kept on disk where there is a place for it."""
    one = signature[0](*signature[1:])

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(one, cache=True, nogil=True)(function)
        except RuntimeError:  # neither this folder nor the user's cache can be written
            return numba.njit(one, nogil=True)(function)

    return compile_
