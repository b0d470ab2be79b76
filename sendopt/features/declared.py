"""The features by name."""

from __future__ import annotations

#: What is known of a user as of an instant, whatever the time of day. Order is part of a model.
USER_FEATURES = (
    "sends_1d",
    "sends_7d",
    "sends_28d",
    "sends_ever",
    "opens_7d",
    "opens_28d",
    "opens_ever",
    "sessions_7d",
    "sessions_28d",
    "dismissals_28d",
    "days_since_send",
    "days_since_open",
    "days_since_session",
    "tenure_days",
)

#: What is known of a moment whoever is asked: its local time. Never of user and moment together,
#: so that a user's part of the trees is worked out once for all hours of the week.
MOMENT_FEATURES = (
    "hour_of_day",
    "day_of_week",
)
