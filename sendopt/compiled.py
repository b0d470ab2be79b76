"""How loops are compiled: on first use in an installation, without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(*signature: Any, **options: Any) -> Callable[..., Any]:
    """Compile and keep the result on disk where there is a place for it.

    Args:
        signature: result first, for one kind of arguments alone; none = for whatever comes.
        options: of `numba.njit`.
    """
    one = signature[0](*signature[1:]) if signature else None

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(one, cache=True, nogil=True, **options)(function)
        except RuntimeError:  # neither this folder nor the user's cache can be written
            return numba.njit(one, nogil=True, **options)(function)

    return compile_
