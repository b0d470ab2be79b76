"""Where a user lives is one rule: the last zone given before, of one instant the last by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.features import AsOfView, Target, statement
from sendopt.features.as_of.viewpoints import Viewpoints
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

NOW = datetime(2026, 9, 1, tzinfo=UTC)
#: In an order of names that is not that of their event ids; the last two are no IANA zones.
ZONES = (None, "Asia/Tokyo", "Europe/Berlin", "America/Lima", "UTC", "Mars/Olympus", "EST5")
KNOWN = {"Asia/Tokyo", "Europe/Berlin", "America/Lima", "UTC"}

told = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-3, 1), st.sampled_from(ZONES)), max_size=12
)
_tenants = iter(range(10**6))


@settings(max_examples=at_most(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=told)
def test_every_query_and_the_history_place_a_user_alike(
    empty_log: Log, told: list[tuple[str, int, str | None]]
) -> None:
    tenant = TenantId(f"t{next(_tenants)}")
    events = [
        Event(
            f"e{number}",
            UserId(user),
            EventType.SESSION,
            NOW + timedelta(hours=hour),
            timezone=zone,
        )
        for number, (user, hour, zone) in enumerate(told)
    ]
    with empty_log.appender() as appender:
        appender.append(tenant, event_table(events))
    expected = {
        user: max(
            (
                (hour, zone)
                for name, hour, zone in told
                if name == user and hour < 0 and zone in KNOWN
            ),
            default=(0, None),
        )[1]
        for user in {name for name, hour, _ in told if hour < 0}
    }
    until_us = int(NOW.timestamp() * 1e6)
    with empty_log.reader(tenant) as reader:
        rows = reader.query("user_zone", "select * from user_zone($now)", {"now": NOW}).to_pylist()
        assert {r["user_id"]: r["timezone"] for r in rows} == {
            user: zone for user, zone in expected.items() if zone is not None
        }
        context = reader.query(
            "user_context",
            statement("user_context"),
            {"until_us": until_us},
            {"asked": pa.table({"user_id": pa.array(["a", "b"])})},
        )
        assert (
            dict(zip(context["user_id"].to_pylist(), context["timezone"].to_pylist(), strict=True))
            == expected
        )
        history = AsOfView(reader, Target(timedelta(minutes=30))).history
        users = pa.array(sorted(expected), pa.string())
        seen = Viewpoints(users, pa.array([NOW] * len(users), pa.timestamp("us", "UTC")))
        number = history.zones_before(history.numbers(users), np.asarray(seen.as_of_us))
        placed = [history.zones[each] for each in number]
        assert placed == [expected[user] or "UTC" for user in users.to_pylist()]
