"""Which past a model may learn from, and how it is divided by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.features import (
    LabelledMoments,
    Summary,
    Target,
    active_days,
    instant,
    labelled_sends,
    microseconds,
)
from sendopt.log import Reader

SENDS = "sends"
ACTIVITY = "activity"

_ENOUGH_OPENS = 100
_MOST_ROWS = 40_000
_SHORTEST_PART, _LONGEST_PART = timedelta(days=1), timedelta(days=28)


@dataclass(frozen=True)
class Split:
    """Rows by time: learn < tune_from <= tune < judge_from <= judge. Never at random.

    Rows before `judge_from` whose open window closes after it are left out: what became of them
    is known only to the days that judge.
    """

    tune_from: datetime
    judge_from: datetime
    open_window: timedelta

    def learn(self, moments: LabelledMoments) -> NDArray[np.bool_]:
        """Rows to fit to."""
        return moments.at_us < microseconds(self.tune_from)

    def tune(self, moments: LabelledMoments) -> NDArray[np.bool_]:
        """Rows to stop, choose and calibrate by."""
        closed = moments.at_us <= microseconds(self.judge_from - self.open_window)
        return ~self.learn(moments) & closed

    def judge(self, moments: LabelledMoments) -> NDArray[np.bool_]:
        """Rows that nothing was fitted to."""
        return moments.at_us >= microseconds(self.judge_from)


def label_source(summary: Summary) -> str:
    """Choose what stands for an answer: real answers to sends wherever there are enough."""
    if summary.opens >= _ENOUGH_OPENS or summary.sessions == 0:
        return SENDS
    return ACTIVITY


def labelled_moments(
    reader: Reader,
    target: Target,
    summary: Summary,
    *,
    since: datetime | None,
    until: datetime,
    rng: np.random.Generator,
) -> LabelledMoments:
    """Return the moments of [since, until) whose outcome was known at `until`; None = all."""
    since = since or summary.first_at or until
    if label_source(summary) == SENDS:
        return labelled_sends(reader, target, since=since, until=until, limit=_MOST_ROWS)
    return active_days(reader, target, since=since, until=until, limit=_MOST_ROWS, rng=rng)


def split(moments: LabelledMoments, target: Target, *, until: datetime, judged: bool) -> Split:
    """Divide the time of `moments`: the last fifths tune and, if `judged`, judge."""
    until = as_utc(until)
    if len(moments) == 0:
        return Split(until, until, target.open_window)
    begin = instant(int(moments.at_us.min()))
    part = min(max((until - begin) / 5, _SHORTEST_PART), _LONGEST_PART)
    judge_from = until - part if judged else until
    return Split(judge_from - part, judge_from, target.open_window)
