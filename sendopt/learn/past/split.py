"""Which past a model may learn from, and how it is divided by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.features import (
    AsOfView,
    LabelledMoments,
    Summary,
    Target,
    active_days,
    instant,
    labelled_sends,
    microseconds,
)
from sendopt.records import EventType

SENDS = "sends"
ACTIVITY = "activity"

_NEARLY_NONE = 0.01  # of the moments may lie outside of where they are taken to begin and end
_ENOUGH_OPENS = 100
_MOST_ROWS = 40_000
_SHORTEST_PART, _LONGEST_PART = timedelta(days=1), timedelta(days=28)


@dataclass(frozen=True)
class Split:
    """Rows by time: learn < tune_from <= tune < judge_from <= judge. Never at random.

    Rows before `judge_from` whose outcome is not yet known by then are left out: what became of
    them is known only to the days that judge.
    """

    tune_from: datetime
    judge_from: datetime
    known_after: timedelta  # a send, what became of it

    def learn(self, moments: LabelledMoments) -> NDArray[np.bool_]:
        """Rows to fit to."""
        return moments.at_us < microseconds(self.tune_from)

    def tune(self, moments: LabelledMoments) -> NDArray[np.bool_]:
        """Rows to stop, choose and calibrate by."""
        closed = moments.at_us <= microseconds(self.judge_from - self.known_after)
        return ~self.learn(moments) & closed

    def judge(self, moments: LabelledMoments) -> NDArray[np.bool_]:
        """Rows that nothing was fitted to."""
        return moments.at_us >= microseconds(self.judge_from)


def label_source(summary: Summary, target: Target) -> str:
    """Choose what stands for an answer: real answers to sends wherever there are enough.

    Whoever is active may have opened. That tells nothing of who clicks or responds, so there
    activity stands in for an open alone.
    """
    enough = summary.opens >= _ENOUGH_OPENS or summary.sessions == 0
    return SENDS if enough or target.outcome is not EventType.OPEN else ACTIVITY


def labelled_moments(
    view: AsOfView,
    summary: Summary,
    *,
    since: datetime | None,
    until: datetime,
    rng: np.random.Generator,
) -> LabelledMoments:
    """Return the moments of [since, until) whose outcome was known at `until`; None = all.

    Of a large log it is a sample of whole user-days, drawn evenly over the time, so that each part
    of a split gets its share.
    """
    since = since or summary.first_at or until
    if label_source(summary, view.target) == SENDS:
        return labelled_sends(view, since=since, until=until, limit=_MOST_ROWS)
    return active_days(view, since=since, until=until, limit=_MOST_ROWS, rng=rng)


def split(moments: LabelledMoments, target: Target, *, until: datetime, judged: bool) -> Split:
    """Divide `moments` by time: a fifth judges, if `judged`, and a quarter of the rest tunes.

    Where the days that judge begin, all is divided as if the log ended there.
    """
    until = as_utc(until)
    at_us = np.sort(moments.at_us)
    judge_from = until
    if judged and len(at_us):
        judge_from = _last(at_us, 1 / 5, leave=2 * _SHORTEST_PART)
        at_us = at_us[at_us <= microseconds(judge_from - target.known_after)]
    tune_from = _last(at_us, 1 / 4, leave=_SHORTEST_PART) if len(at_us) else judge_from
    return Split(tune_from, judge_from, target.known_after)


def _last(at_us: NDArray[np.int64], share: float, *, leave: timedelta) -> datetime:
    """Return where the last `share` of moments, in order, begins.

    That is of moments, not of the time from the first to the last one: a few that were stamped by
    a wrong clock move no quantile. The part is as long as a day, no longer than four weeks, and
    does not begin before `leave` after the first ones.
    """
    first, last = (instant(_quantile(at_us, few)) for few in (_NEARLY_NONE, 1 - _NEARLY_NONE))
    least = max(last - _LONGEST_PART, first + leave)
    most = max(last - _SHORTEST_PART, least)
    return min(max(instant(_quantile(at_us, 1 - share)), least), most)


def _quantile(at_us: NDArray[np.int64], share: float) -> int:
    return int(at_us[min(int(share * len(at_us)), len(at_us) - 1)])
