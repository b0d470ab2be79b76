"""How the times of a log's sends were chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.features.queries import statement
from sendopt.features.target import Target, microseconds
from sendopt.log import Reader


@dataclass(frozen=True)
class LoggedChances:
    """How the times of a log's sends were chosen, as far as it says so."""

    sends: int  # with a closed open window
    logged: int  # of them, with a propensity
    randomised: int  # of those, with one below 1: another time could have come out


def logged_chances(
    reader: Reader, target: Target, *, since: datetime, until: datetime
) -> LoggedChances:
    """Count the sends of [since, until) by what the log says of their choice."""
    params = {
        "known_after_us": target.known_after // timedelta(microseconds=1),
        "from_us": microseconds(since),
        "until_us": microseconds(until),
    }
    counted = reader.query("logged_chances", statement("logged_chances"), params)
    return LoggedChances(**counted.to_pylist()[0])
