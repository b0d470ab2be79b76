"""What stands where a number would mislead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Why no number is given, and what would make one possible."""

    code: str  # stable snake_case identifier
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"
