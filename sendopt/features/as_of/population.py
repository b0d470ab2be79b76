"""What everybody did before a day: the one part of a user's evidence that takes the whole log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput
from sendopt.features.as_of.evidence import (
    DAY_TYPES,
    HALF_HOURS,
    DailyEvidence,
    Evidence,
    population_evidence,
)
from sendopt.features.as_of.late_answers import LateEvidence, population_late_evidence
from sendopt.features.as_of.viewpoints import INSTANT, Viewpoints
from sendopt.features.queries import statement
from sendopt.features.target import microseconds
from sendopt.log import Reader

_DAY_US = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Population:
    """What became known of everybody before a UTC day began."""

    day: int  # since 1970
    half_life: timedelta
    late_hazard: NDArray[np.float64] | None  # None for a model that does not read late answers
    evidence: Evidence  # one row
    sends: NDArray[np.int64]  # without decay, (DAY_TYPES, HALF_HOURS)
    late: LateEvidence | None  # one row; None without a hazard
    days: int = 1  # how many it stands for, `day` the first

    def require(self, viewpoints: Viewpoints, *, half_life: timedelta) -> None:
        """Return if it is what has to be known of everybody at `viewpoints`.

        Raises:
            InvalidInput: `wrong_population`; scores would be of another day or another memory.
        """
        since = viewpoints.as_of_us // _DAY_US - self.day
        if half_life != self.half_life or (since < 0).any() or (since >= self.days).any():
            raise self._wrong()

    def late_evidence(self, hazard: NDArray[np.float64], *, half_life: timedelta) -> LateEvidence:
        """Return everybody's late answers.

        Raises:
            InvalidInput: `wrong_population`, if they were counted by another hazard or not at all.
        """
        same = self.late_hazard is not None and np.array_equal(hazard, self.late_hazard)
        if self.late is None or not same or half_life != self.half_life:
            raise self._wrong()
        return self.late

    def for_days(self, days: int) -> Population:
        """Return the population for viewpoints of `days` UTC days, its own first.

        Who asks for more than one says that everybody goes on as before.
        """
        return replace(self, days=days)

    def document(self) -> dict[str, Any]:
        """Return the population as JSON holds it, to the bit."""
        return {
            "day": self.day,
            "half_life_us": self.half_life // _MICROSECOND,
            "late_hazard": None if self.late_hazard is None else self.late_hazard.tolist(),
            "evidence": _listed(self.evidence),
            "sends": self.sends.tolist(),
            "late": None if self.late is None else _listed(self.late),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Population:
        """Read what `document` wrote."""
        hazard, late = document["late_hazard"], document["late"]
        return cls(
            day=document["day"],
            half_life=document["half_life_us"] * _MICROSECOND,
            late_hazard=None if hazard is None else np.asarray(hazard, np.float64),
            evidence=Evidence(**_arrays(document["evidence"])),
            sends=np.asarray(document["sends"], np.int64),
            late=None if late is None else LateEvidence(**_arrays(late)),
        )

    def _wrong(self) -> InvalidInput:
        return InvalidInput(
            f"is of day {self.day} and a half-life of {self.half_life}",
            code="wrong_population",
            field="population",
            expected="everybody as the model that asks remembers them, before the day of as_of",
        )


def everybody_before(
    observations: pa.Table,
    daily: DailyEvidence,
    late_answers: pa.Table | None,
    *,
    half_life: timedelta,
    late_hazard: NDArray[np.float64] | None,
    as_of: datetime,
) -> Population:
    """Return what everybody did before the day of `as_of`.

    It follows from the events before that day, whatever happened since.
    """
    one = Viewpoints(pa.array([""]), pa.array([as_utc(as_of)], INSTANT))
    evidence, _ = population_evidence(daily, one, half_life=half_life)
    counts = ~observations["is_session"].to_numpy()
    counts &= observations["known_us"].to_numpy() < microseconds(day_of(as_of))
    cells = np.bincount(observations["cell"].to_numpy()[counts], minlength=DAY_TYPES * HALF_HOURS)
    day, late = one.as_of_us // _DAY_US, None
    if late_hazard is not None and late_answers is not None:
        late = population_late_evidence(late_answers, day, late_hazard, half_life=half_life)
    return Population(
        day=int(day[0]),
        half_life=half_life,
        late_hazard=late_hazard,
        evidence=evidence,
        sends=cells.reshape(DAY_TYPES, HALF_HOURS),
        late=late,
    )


def events_before(reader: Reader, as_of: datetime) -> int:
    """Count the events before the day of `as_of`.

    Events are never changed or taken away: while the count stays, all of them do.
    """
    counted = reader.query("events_before", statement("events_before"), {"until": day_of(as_of)})
    events: int = counted["events"][0].as_py()
    return events


def day_of(as_of: datetime) -> datetime:
    """Return when the UTC day of an instant began."""
    return as_utc(as_of).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _listed(counts: Evidence | LateEvidence) -> dict[str, Any]:
    return {each.name: getattr(counts, each.name).tolist() for each in fields(counts)}


def _arrays(listed: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    return {name: np.asarray(counts, np.float64) for name, counts in listed.items()}
