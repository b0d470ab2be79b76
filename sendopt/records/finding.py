"""What is wrong with rows and fields that were brought."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row or one of its fields, and where to find and mend it."""

    source: str  # file name, or "request"
    row: int  # 1-based, the header not counted; in a request the item's position
    column: str
    code: str
    reason: str
    expected: str | None = None  # what the rule wants
    hint: str | None = None  # what to do about it


@dataclass(frozen=True, slots=True)
class Rejection(Finding):
    """Of a row that was not accepted: nothing of it was stored."""


@dataclass(frozen=True, slots=True)
class DroppedField(Finding):
    """Of a field that could not be read: its event counts without it."""
