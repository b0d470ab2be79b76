"""What is said of whether a campaign reaches a user."""

from __future__ import annotations

from datetime import datetime

from sendopt.api.schemas.answer import Answer, shown_as


class Failure(Answer):
    """What became of the last attempt."""

    provider: str
    reason: str
    """Such as `timed_out`, `receiver_failed`."""
    at: datetime


class Reach(Answer):
    """Whether and when a campaign reaches a user, or why not."""

    model_config = shown_as(
        {
            "campaign_id": "autumn-sale",
            "user_id": "user-7",
            "reaches": True,
            "code": "planned",
            "send_id": "s_znonsemr5acblblexpxcud2uhjqvqdip",
            "at": "2026-10-25T17:04:00Z",
            "earliest_at": None,
            "latest_at": None,
            "slot_count": 24,
            "excluded": {"quiet_hours": 10},
            "attempt_count": 1,
            "last_failure": {
                "provider": "webhook",
                "reason": "receiver_failed",
                "at": "2026-10-25T17:00:01Z",
            },
            "text": [
                "It is planned for 2026-10-25 17:04 UTC, 18:04 on the clock of Europe/Vienna.",
                "1 attempt: the last, at 17:00:01 UTC, ended with receiver_failed from webhook.",
                "Of 24 candidate times are out of the question: 10 by quiet_hours.",
            ],
        }
    )

    campaign_id: str
    user_id: str
    reaches: bool
    """It did, or as far as anybody knows it will."""
    code: str
    """The reason of a send that has ended (docs/reference/send-states.md); else `planned`,
    `campaign_paused`, `at_hand_over`, `would_be_planned`, `not_in_audience`, `joined_later`,
    `campaign_cancelled`, or the reason for which a commit would suppress it."""
    send_id: str | None
    """null = no send is stored: this is what a commit now would do."""
    at: datetime | None
    """Of the hand-over, of the next attempt, or the planned time."""
    earliest_at: datetime | None
    """The first of the times that a commit could choose."""
    latest_at: datetime | None
    slot_count: int
    """Candidate times."""
    excluded: dict[str, int]
    """Of these, by what excludes them: `quiet_hours`, `past`, ..."""
    attempt_count: int
    last_failure: Failure | None
    text: list[str]
    """The same in sentences."""
