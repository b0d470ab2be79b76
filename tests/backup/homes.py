"""What the homes of these tests hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
USERS = [f"user-{number}" for number in range(10)]


def silently(_text: str) -> None:
    """Take a report of progress."""


def campaign(campaign_id: str, first: datetime) -> dict[str, object]:
    """One send for each user, a minute apart, at `first` and after; each lives for an hour."""
    times = [first + timedelta(minutes=number) for number in range(len(USERS))]
    return {
        "campaign_id": campaign_id,
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b", "url": "https://shop.example"}],
        "send_window": {
            "earliest_at": first.isoformat(),
            "latest_at": (first + timedelta(hours=2)).isoformat(),
        },
        "time_to_live_minutes": 60,
        "quiet_hours": None,
        "audience": USERS,
        "candidate_times": {user: [at.isoformat()] for user, at in zip(USERS, times, strict=True)},
    }
