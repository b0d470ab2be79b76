"""How a value is written into a JSON column."""

from __future__ import annotations

import json
from typing import Any


class JsonText(str):
    """JSON that is written already: a column takes it as it is."""

    __slots__ = ()


def json_text(value: Any) -> JsonText:
    """Write without NaN, which no other reader of the column would understand.

    Raises:
        ValueError: for NaN and infinities.
    """
    return value if isinstance(value, JsonText) else JsonText(_encode(value))


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
