"""Reads rules out of their files, and refuses a row that does not say all that it must."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, PlainValidator, model_validator

from sendopt.clock import parse_local_time
from sendopt.errors import InvalidInput
from sendopt.records import QuietHours
from sendopt.strict_json import StrictModel, validate


class Certainty(StrEnum):
    """Who says so."""

    OFFICIAL = "official"  # whoever made the rule
    REPORTED = "reported"  # somebody who has to keep it


class Row(StrictModel):
    """What every rule says of itself."""

    source: Annotated[str, Field(pattern=r"^https://[^\s/]+/\S*$")]
    as_of: date  # when it was looked up
    review_by: date  # from the day after on nobody should rely on it unseen
    certainty: Annotated[Certainty, Field(strict=False)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review_by <= self.as_of:
            raise InvalidInput("review_by is not after as_of", expected="a later date")
        return self


class HoursRow(Row):
    """A rule about hours of a local day."""

    start: Annotated[time, PlainValidator(parse_local_time)]
    end: Annotated[time, PlainValidator(parse_local_time)]

    @property
    def hours(self) -> QuietHours:
        """The hours in which it forbids messages; start = end is the whole day."""
        return QuietHours(self.start, self.end)


AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True, slots=True)
class PastReview:
    """A rule that somebody should have looked at again."""

    what: str
    source: str
    review_by: date


def tables_of(name: str) -> dict[str, Any]:
    """Return the tables of one of the files beside this one."""
    return tomllib.loads((files("sendopt.rules") / name).read_text("utf-8"))


def read_rows(model: type[AnyRow], rows: Sequence[Any], *, at: str) -> tuple[AnyRow, ...]:
    """Return the rows of one kind as `model` reads them.

    Args:
        model: the kind.
        rows: parsed TOML.
        at: where they stand, for errors.

    Raises:
        InvalidInput: all that is wrong with the first row that is, with its place.
    """
    return tuple(validate(model, row, at=f"{at}/{place}") for place, row in enumerate(rows))
