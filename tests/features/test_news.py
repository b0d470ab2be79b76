"""Whoever has no news looks as before, but for time gone by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.features import AsOfView, Target, Viewpoints, users_with_news
from sendopt.features.recording import Recording
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

TENANT = TenantId("default")
MIDNIGHT = datetime(2026, 10, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEVER_FORGETS = timedelta(days=10**7)
USERS = [UserId(f"u{number}") for number in range(20)]

RECORDINGS = st.builds(
    Recording,
    step=st.sampled_from([None, 15 * MINUTE, HOUR, DAY]),
    rounded_down=st.booleans(),
)
TARGETS = st.builds(
    Target,
    st.sampled_from([30 * MINUTE, 2 * HOUR, DAY]),
    clock_tolerance=st.sampled_from([timedelta(0), 5 * MINUTE]),
    recording=RECORDINGS,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Return what each user did in the three days before MIDNIGHT and the day after."""
    events = []
    for user in USERS:
        for number, minutes in enumerate(draw(st.lists(st.integers(-4_320, 1_440), max_size=4))):
            at, send = MIDNIGHT + minutes * MINUTE, f"{user}-{number}"
            kind = draw(st.sampled_from([EventType.SESSION, EventType.SEND]))
            zone, platform = draw(st.sampled_from([("Asia/Tokyo", "ios"), (None, None)]))
            named = send if kind is EventType.SEND else None
            events.append(
                Event(send, user, kind, at, send_id=named, timezone=zone, platform=platform)
            )
            if named and draw(st.booleans()):
                answered = at + draw(st.integers(0, 1_500)) * MINUTE
                events.append(Event(f"{send}-open", user, EventType.OPEN, answered, send_id=send))
    return events


def looks(view: AsOfView, as_of: datetime) -> list[np.ndarray]:
    """Return what a model is told of each user, apart from what fades."""
    users = pa.array(USERS, pa.string())
    instants = pa.array([as_of] * len(USERS), pa.timestamp("us", tz="UTC"))
    seen = Viewpoints(users, instants)
    evidence = view.user_evidence(seen, half_life=NEVER_FORGETS)
    counts = [getattr(evidence, field.name).reshape(len(USERS), -1) for field in fields(evidence)]
    answers = view.user_answers(seen, half_life=NEVER_FORGETS).reshape(len(USERS), -1)
    platforms = np.array(view.last_platforms(seen).fill_null("").to_pylist())[:, None]
    zones = np.array(view.zones(seen).to_pylist())[:, None]
    return [*(np.round(each, 3) for each in (*counts, answers)), platforms, zones]


@settings(max_examples=at_most(10), deadline=None)
@given(
    events=histories(),
    target=TARGETS,
    since=st.integers(-1_440, 600),
    later=st.integers(1, 2_000),
)
def test_who_has_no_news_looks_as_before_however_answers_are_stamped(
    make_log: Callable[[], AbstractContextManager[Log]],
    events: list[Event],
    target: Target,
    since: int,
    later: int,
) -> None:
    then, now = MIDNIGHT + since * MINUTE, MIDNIGHT + (since + later) * MINUTE
    with make_log() as log:
        with log.appender() as appender:
            appender.append(TENANT, event_table(events))
        with log.reader(TENANT) as reader:
            news = users_with_news(
                reader, target, since=then, snapshot=reader.snapshot, until=now
            ).to_pylist()
            view = AsOfView(reader, target)
            before, after = looks(view, then), looks(view, now)
    quiet = [number for number, user in enumerate(USERS) if user not in news]
    for told_before, told_after in zip(before, after, strict=True):
        assert (told_before[quiet] == told_after[quiet]).all()


@pytest.mark.parametrize("step", [HOUR, DAY])
def test_a_send_is_news_until_a_rounded_stamp_can_have_come(
    empty_log: Log, step: timedelta
) -> None:
    target = Target(30 * MINUTE, recording=Recording(step=step, rounded_down=True))
    sent = MIDNIGHT - step
    with empty_log.appender() as appender:
        appender.append(
            TENANT, event_table([Event("e", USERS[0], EventType.SEND, sent, send_id="s")])
        )
    with empty_log.reader(TENANT) as reader:
        news = users_with_news(
            reader, target, since=MIDNIGHT + MINUTE, snapshot=reader.snapshot, until=MIDNIGHT + DAY
        )
    assert news.to_pylist() == [USERS[0]]
