"""Plans in which everything is wrong that can be at once, and the places that must all be told."""

from __future__ import annotations

from typing import Any

#: A clock that stands at noon of 1 October 2026 makes all of it wrong, and any later one.
CAMPAIGN: dict[str, Any] = {
    "campaign_id": "all-wrong",
    "channel": "simulator",
    "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
    "send_window": {
        "earliest_at": "2026-10-25T00:00:00+02:00",
        "latest_at": "2026-10-24T00:00:00+02:00",
    },
    "quiet_hours": {"start": "08:00", "end": "08:00"},
    "audience": ["ann", "ann", ""],
    "slot_minutes": 0,
    "time_to_live_minutes": 0,
    "fallback_local_time": "25:00",
    "candidate_times": {"nobody": ["2026-10-25T02:30:00"]},
    "message_class": "soon",
    "holdout": {"share": 2},
}
WRONG_IN_CAMPAIGN = {
    "/send_window": "window_invalid",
    "/quiet_hours": "no_feasible_slot",
    "/audience": "duplicate_id",
    "/audience/2": "id_invalid",
    "/slot_minutes": "invalid",
    "/time_to_live_minutes": "invalid",
    "/fallback_local_time": "time_invalid",
    "/candidate_times/nobody": "audience_invalid",
    "/candidate_times/nobody/0": "time_invalid",
    "/message_class": "invalid",
    "/holdout/share": "invalid",
}

LOCAL_CAMPAIGN: dict[str, Any] = {
    **CAMPAIGN,
    "send_window": {
        "local_dates": ["2026-09-28", "2026-09-28"],
        "local_times": {"start": "22:00", "end": "23:30"},
    },
    "quiet_hours": {"start": "21:00", "end": "07:00"},
    "audience": ["ann"],
    "slot_minutes": 60,
    "time_to_live_minutes": 60,
    "fallback_local_time": "18:00",
    "candidate_times": {"ann": ["2026-09-28T22:30:00+02:00"]},
    "message_class": "marketing",
    "holdout": None,
}
WRONG_IN_LOCAL_CAMPAIGN = {
    "/send_window/local_dates": "duplicate_id",
    "/candidate_times": "window_invalid",
    "/quiet_hours": "no_feasible_slot",
    "/send_window": "no_feasible_slot",
}

LIMITS: dict[str, Any] = {
    "caps": [
        {"at_most": 0, "within": "7d"},
        {"at_most": 2, "within": "0h"},
        {"at_most": 2, "within": "-7d"},
        {"at_most": 1, "within": "365d"},
    ],
    "least_gap": "0m",
    "weekly_budget": 0,
    "capacities": [{"per_minute": 0}, {"per_minute": 5, "channel": "pigeon"}],
    "message_cost": -1,
    "no_send_share": 0.9,
}
WRONG_IN_LIMITS = {
    "/caps/0/at_most": "limit_of_zero",
    "/caps/1/within": "duration_invalid",
    "/caps/2/within": "duration_invalid",
    "/caps/3/within": "duration_invalid",
    "/least_gap": "duration_invalid",
    "/weekly_budget": "limit_of_zero",
    "/capacities/0/per_minute": "limit_of_zero",
    "/capacities/1/channel": "invalid",
    "/message_cost": "invalid",
    "/no_send_share": "invalid",
    "/legal_hours": "missing_field",
}

#: Of a campaign that is triggered, which ends on 1 November 2026; its user is "ann".
TRIGGER: dict[str, Any] = {
    "send_key": " ",
    "not_before": {"local": "2026-02-30T08:00", "timezone": "CST"},
    "not_after": {"event_id": "e", "event_type": "open"},
    "within_minutes": 0,
    "ignore_quiet_hours": "yes",
    "when": "now",
}
WRONG_IN_TRIGGER = {
    "/send_key": "id_invalid",
    "/not_before/local": "time_invalid",
    "/not_before/timezone": "zone_invalid",
    "/not_after": "moment_invalid",
    "/within_minutes": "window_invalid",
    "/ignore_quiet_hours": "wrong_type",
    "/when": "unknown_field",
}
