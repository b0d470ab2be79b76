"""Everybody's answers by local hour: what speaks where no model can.

It knows no user. Each hour's rate is shrunken to the overall one by a Beta prior, and says how
unsure it is, so that a configured time can hold against it. The sends were made at hours that
somebody chose; the histogram is a fallback, not an estimate of an effect.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.resources import files

import numpy as np

from sendopt.features import Target, microseconds, zone_clocks
from sendopt.log import Reader
from sendopt.records import Score

#: Sends of an hour that weigh as much as everybody's overall rate.
PRIOR_SENDS = 50.0
#: Below so many answers the hours of a day cannot be told apart.
LEAST_ANSWERS = 100

_ANSWERS_BY_HOUR = files("sendopt.score") / "sql" / "answers_by_hour.sql"


def score_hours(
    reader: Reader,
    target: Target,
    *,
    as_of: datetime,
    timezone: str,
) -> tuple[Score, ...] | None:
    """Return the score of each of the 24 local hours; None if too little was answered.

    Args:
        reader: the tenant's log.
        target: what answers a send, and how this log records it.
        as_of: only sends whose window had closed by then are counted.
        timezone: where users live of whom no zone is known.
    """
    counted = reader.query(
        "answers_by_hour",
        _ANSWERS_BY_HOUR.read_text(),
        {
            **target.params,
            "until_us": microseconds(as_of),
            "known_after_us": target.known_after // timedelta(microseconds=1),
            "timezone": timezone,
        },
        {"zone_clock": zone_clocks(reader, timezone)},
    )
    sends, answers = np.zeros(24), np.zeros(24)
    hour = counted["hour"].to_numpy()
    sends[hour], answers[hour] = counted["sends"].to_numpy(), counted["answers"].to_numpy()
    if answers.sum() < LEAST_ANSWERS:
        return None
    # One answer and one silence more: a rate of 0 or 1 would claim what no log can give.
    overall = (answers.sum() + 1.0) / (sends.sum() + 2.0)
    rate = (answers + PRIOR_SENDS * overall) / (sends + PRIOR_SENDS)
    logit_sd = 1.0 / np.sqrt((sends + PRIOR_SENDS) * rate * (1.0 - rate))
    return tuple(Score(p, sd) for p, sd in zip(rate.tolist(), logit_sd.tolist(), strict=True))
