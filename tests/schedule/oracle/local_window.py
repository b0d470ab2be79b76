"""Whether a clock shows a time of a local window: the oracle of spans, minute by minute."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from sendopt.records import Campaign, LocalWindow

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def shows(window: LocalWindow, zone: tzinfo, at: datetime) -> bool:
    """Look at the clock and the calendar that hang there at `at`."""
    local = at.astimezone(zone)
    today, now = local.date(), local.time()
    if window.start < window.end:
        return today in window.dates and window.start <= now < window.end
    return (today in window.dates and now >= window.start) or (
        today - DAY in window.dates and now < window.end
    )


def in_window(campaign: Campaign, zone: tzinfo, at: datetime) -> bool:
    """Whether the campaign may send at `at` to somebody who lives in `zone`."""
    if campaign.local_window is not None:
        return shows(campaign.local_window, zone, at)
    return campaign.earliest_at <= at < campaign.latest_at


def expires_at(campaign: Campaign, zone: tzinfo, at: datetime) -> datetime:
    """Walk on from `at` as long as the message lives, and is in the window."""
    end = at + campaign.time_to_live
    if campaign.local_window is None:
        return min(end, campaign.latest_at)
    # Windows begin and end at full minutes, and so do clock changes of our century.
    minute = at.replace(second=0, microsecond=0)
    while minute < end and shows(campaign.local_window, zone, max(minute, at)):
        minute += MINUTE
    return min(end, minute)
