"""What a trial draws from: users, zones, limits, campaigns, and what a push service may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sendopt.records import Accepted, DeadAddress, EndReason, Permanent, Retry

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: Before clocks change in Europe, in America, on Lord Howe, and in nobody's way.
STARTS = [
    datetime(2026, 3, 28, 9, tzinfo=UTC),
    datetime(2026, 10, 24, 9, tzinfo=UTC),
    datetime(2026, 10, 31, 15, tzinfo=UTC),
    datetime(2026, 4, 3, 20, tzinfo=UTC),
    datetime(2026, 6, 1, 9, tzinfo=UTC),
]
USERS = ("ann", "bob", "cat", "dan", "eve")
TRIGGERED = {name: f"by-{name}" for name in ("marketing", "transactional", "urgent")}

users = st.sampled_from(USERS)
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", None, None]
)
devices = st.sampled_from([f"phone-of-{user}" for user in USERS] + ["tablet"])
quiet_hours = st.sampled_from(
    [
        None,
        {"start": "22:00", "end": "07:00"},
        {"start": "13:00", "end": "15:30"},
        {"start": "19:00", "end": "11:00"},
        {"start": "01:30", "end": "02:30"},
    ]
)
limits = st.fixed_dictionaries(
    {
        "caps": st.sampled_from(
            [
                [],
                [{"at_most": 1, "within": "6h"}],
                [{"at_most": 2, "within": "24h"}],
                [{"at_most": 1, "within": "2d", "message_type": "news"}],
            ]
        ),
        "least_gap": st.sampled_from([None, "90m", "5h"]),
        "weekly_budget": st.sampled_from([None, None, 3]),
        "capacities": st.sampled_from([[], [], [{"per_minute": 1}], [{"per_minute": 2}]]),
        "no_send_share": st.sampled_from([0.0, 0.0, 0.2]),
        "legal_hours": st.just(False),
    }
)
_local_times = st.sampled_from(
    [None, {"start": "08:00", "end": "12:00"}, {"start": "21:00", "end": "03:00"}]
)
_windows = st.one_of(
    st.tuples(
        st.sampled_from([timedelta(0), 3 * HOUR, DAY]),
        st.sampled_from([2 * HOUR, 9 * HOUR, 2 * DAY]),
    ),
    st.tuples(st.sampled_from([0, 1]), st.sampled_from([1, 2]), _local_times),
)
_experiments = st.sampled_from(
    [
        None,
        {"arms": {"optimised": 0.4, "random": 0.6}, "assignment": "hashed"},
        {"arms": {"optimised": 0.5, "random": 0.3, "no_send": 0.2}, "assignment": "hashed"},
    ]
)
campaigns = st.fixed_dictionaries(
    {
        "send_window": _windows,
        "quiet_hours": quiet_hours,
        "audience": st.one_of(
            st.just("everyone"),
            st.lists(st.sampled_from([*USERS, "ghost"]), min_size=1, unique=True),
        ),
        "time_to_live_minutes": st.sampled_from([30, 240, 720]),
        "slot_minutes": st.sampled_from([30, 60]),
        "fallback_local_time": st.sampled_from(["09:00", "18:00", "23:30"]),
        "message_type": st.sampled_from(["news", "promotion"]),
        "message_class": st.sampled_from(["marketing"] * 4 + ["transactional"]),
        "experiment": _experiments,
    }
)
DIES_BEFORE, DIES_AFTER = "dies before the hand-over", "dies after it"
outcomes = st.lists(
    st.sampled_from(
        [
            *[Accepted()] * 3,
            Retry("busy"),
            Retry("busy", 40 * MINUTE),
            DeadAddress(EndReason.SUBSCRIPTION_GONE),
            Permanent(EndReason.PAYLOAD_TOO_LARGE),
            DIES_BEFORE,
            DIES_AFTER,
        ]
    ),
    max_size=4,
)
