"""What a model says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """What is thought of one slot of one user."""

    open_probability: float
    logit_sd: float | None = None  # of its place among the user's times; None = unsaid
