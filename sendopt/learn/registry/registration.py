"""A model as it stands in the registry, and the one that it may replace."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.learn.model.model import ServableModel


@dataclass(frozen=True)
class ServingVersion:
    """Who served as something was decided."""

    number: str | None  # of the champion's version; None = there was no champion


@dataclass(frozen=True)
class Registration:
    """A model as it was registered."""

    model: ServableModel  # with its version
    number: str  # MLflow's of that version
    run_id: str
