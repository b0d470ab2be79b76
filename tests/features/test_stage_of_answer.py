"""Sends that are named by user and time are found with how soon they were answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from sendopt.features import AsOfView, Target, microseconds
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_each_send_has_the_stage_of_its_own_answer_in_whatever_order_it_is_asked(
    empty_log: Log,
) -> None:
    minutes = {("ann", 0): 1, ("ann", 1): 20, ("bob", 0): 59, ("bob", 1): 61, ("cid", 0): None}
    events = []
    for (user, day), answered in minutes.items():
        sent, send = NOON + timedelta(days=day), SendId(f"{user}-{day}")
        events.append(Event(f"s-{send}", UserId(user), EventType.SEND, sent, send_id=send))
        if answered is not None:
            at = sent + timedelta(minutes=answered)
            events.append(Event(f"o-{send}", UserId(user), EventType.OPEN, at, send_id=send))
    with empty_log.appender() as appender:
        appender.append(TenantId("acme"), event_table(events))
    asked = [*reversed(minutes), ("dan", 0), ("ann", 7)]
    with empty_log.reader(TenantId("acme")) as reader:
        stage = AsOfView(reader, Target(timedelta(hours=1))).promptness(
            pa.array([user for user, _ in asked]),
            np.array([microseconds(NOON + timedelta(days=day)) for _, day in asked]),
        )
    assert stage.tolist() == [3, 3, 2, 1, 0, 3, 3]
