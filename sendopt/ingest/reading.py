"""What a body of a request, or a row of a file that stands for one, was read as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sendopt.errors import InvalidInput
from sendopt.records import Consent

Noun = TypeVar("Noun")


@dataclass(frozen=True, slots=True)
class Reading(Generic[Noun]):
    """A body, read; or all that is wrong with it.

    Attributes:
        noun: what it says; None = it is refused.
        refused: why.
        consent: what its user says beside it, which counts even if the rest is refused.
        dropped_fields: what could not be read, and counts as not said.
    """

    noun: Noun | None
    refused: InvalidInput | None = None
    consent: Consent | None = None
    dropped_fields: tuple[InvalidInput, ...] = ()

    def required(self) -> Noun:
        """Return what it says.

        Raises:
            InvalidInput: why it is refused.
        """
        if self.noun is None:
            raise self.refused or InvalidInput("nothing was read")
        return self.noun


def unreadable(why: InvalidInput) -> Reading[Any]:
    """Return the reading of what is no body at all."""
    return Reading(None, why)
