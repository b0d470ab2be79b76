"""Which users have to be scored again, and when everybody has to.

A score is of its own instant. As long as nothing becomes known of a user it changes by time gone by
alone: what was known fades and everybody goes on, which takes weeks, and trees count the days since
the user's last events, which hardly moves one hour against another. So whoever has no news keeps
the score, as of when it was made, for a week at most, and those with news are scored by the same
model beside the same knowledge of everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.features import Population, Target, known_users, users_with_news
from sendopt.log import Reader
from sendopt.score.store import ScoreStore
from sendopt.score.store_file import About, StoreFile
from sendopt.score.store_writer import Kept

#: After so many days everybody is scored anew; what was known of everybody serves as long.
LONGEST_KEPT = timedelta(days=7)

ZoneOf = Callable[[pa.Array], pa.Array]

_MOST_RUNS = 250  # that a store can tell apart
_MOST_NEWS = 0.5  # of the users: beyond, to read the whole log once is quicker


@dataclass(frozen=True)
class Renewal:
    """A delta that is to follow the delta of a store."""

    about: About
    user_ids: pa.Array  # of the delta, in order
    zones: pa.Array  # of the same users
    news: pa.Array  # those of them who are scored now, in order
    kept: Kept | None  # all others, who were scored since the base was; None = there are none
    everybody: Population  # beside which they are scored, as the others were
    users: int  # in the whole store


def why_in_full(before: ScoreStore | None, *, snapshot: int, now: datetime) -> str | None:
    """Say why no score of the champion's store may be kept; None = they may.

    Args:
        before: the champion's store; None = there is none.
        snapshot: of the log, now.
        now: as of when users are scored.
    """
    if before is None:
        return "no scores of this model are stored"
    about = before.about
    obstacles = (
        (about.everybody is None, "what the model knew of everybody was not stored"),
        (about.as_of > now, "the stored scores are of later than now"),
        (
            about.log_snapshot > snapshot,
            "the stored scores know more than the log, which is an older copy",
        ),
        (
            now - about.runs[0] >= LONGEST_KEPT,
            f"the stored scores are of {LONGEST_KEPT.days} days ago",
        ),
        (len(about.runs) >= _MOST_RUNS, f"the stored scores are of {_MOST_RUNS} runs"),
    )
    return next((reason for met, reason in obstacles if met), None)


def have_news(before: ScoreStore, reader: Reader, target: Target, *, now: datetime) -> pa.Array:
    """Return of whom anything became known between the last run and `now`; see `users_with_news`.

    Args:
        before: for which `why_in_full` has no reason.
        reader: of the tenant's log.
        target: what the model predicts.
        now: as of when.
    """
    about = before.about
    since, snapshot = about.as_of, about.log_snapshot
    return users_with_news(reader, target, since=since, snapshot=snapshot, until=now)


def are_most(news: pa.Array, before: ScoreStore) -> bool:
    """Tell whether to score everybody is quicker than to look up so many."""
    return len(news) > _MOST_NEWS * len(before.base)


def renewal(before: ScoreStore, own: Reader, zone_of: ZoneOf, *, now: datetime) -> Renewal:
    """Put together what is kept of a store and what is not.

    Args:
        before: for which `why_in_full` has no reason.
        own: of the events of those who have news.
        zone_of: returns the zone of each of some users.
        now: as of when.
    """
    news = known_users(own, until=now)
    about = replace(
        before.about,
        log_snapshot=own.snapshot,
        as_of=now,
        created_at=now,
        runs=(*before.about.runs, now),
    )
    ids, zones, kept = news.cast(pa.large_string()), zone_of(news), None
    if before.delta is not None:
        ids, zones, kept = _merged(ids, zones, before.delta)
    in_base = pc.sum(pc.is_in(before.base.user_ids, ids)).as_py() or 0
    return Renewal(
        about=about,
        user_ids=ids,
        zones=zones,
        news=news,
        kept=kept,
        everybody=Population.read(before.about.everybody or {}).for_days(LONGEST_KEPT.days + 1),
        users=len(before.base) + len(ids) - in_base,
    )


def _merged(news: pa.Array, zones: pa.Array, delta: StoreFile) -> tuple[pa.Array, pa.Array, Kept]:
    """Return who is scored now or was since the base, in order, their zones, and who is kept."""
    before = delta.user_ids
    there = np.flatnonzero(~np.asarray(pc.is_in(before, news)))
    kept = pa.array(there)
    ids = pa.concat_arrays([news, before.take(kept)])
    zones = pa.concat_arrays([zones, delta.zones.take(kept)])
    order = np.asarray(pc.sort_indices(ids))
    is_kept = order >= len(news)
    return (
        ids.take(pa.array(order)),
        zones.take(pa.array(order)),
        Kept(delta, here=np.flatnonzero(is_kept), there=there[order[is_kept] - len(news)]),
    )
