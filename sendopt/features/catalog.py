"""The queries and the features by name."""

from __future__ import annotations

from functools import cache
from importlib import resources

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

#: What a moment has to do with its user's recent past; activity is sessions and answers.
CONTEXT_FEATURES = (
    "activity_same_hour_of_week",  # decayed count
    "activity_same_hour_of_day",
    "activity_at_all",
    "hours_since_send",  # as of as_of
    "hours_since_open",
    "hours_since_session",
    "hours_from_send",  # to the moment
    "hours_from_open",
    "hours_from_session",
    "active_same_hour_day_before",  # 0 or 1
    "active_same_hour_week_before",
    "sends_last_day",
    "sends_last_week",
    "hours_off_last_activity",  # between the times of day, 0 to 12
)


@cache
def statement(name: str) -> str:
    """Return the SQL of `sql/{name}.sql`."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text("utf-8")
