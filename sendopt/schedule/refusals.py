"""Refuses requests for which no time is left, and says which rule has left none."""

from __future__ import annotations

from collections.abc import Sequence

from sendopt.errors import InvalidInput
from sendopt.records import Campaign, Exclusion, MessageClass, SendRequest, Slot

_ORDER = {rule: place for place, rule in enumerate(Exclusion)}
_RULES = {
    Exclusion.QUIET_HOURS: "the quiet hours of the campaign",
    Exclusion.QUIET_HOURS_INFERRED: "the quiet hours of the campaign where the user may live",
    Exclusion.QUIET_HOURS_OWN: "the user's own quiet hours",
    Exclusion.SNOOZED: "the user, who wants nothing before a later time,",
    Exclusion.LEGAL_HOURS: "the law where the user lives",
}


def quiet_hours_hold(request: SendRequest, campaign: Campaign) -> list[InvalidInput]:
    """Return what is wrong with a request that ignores quiet hours and may not."""
    if not request.ignores_quiet_hours or campaign.message_class is MessageClass.URGENT:
        return []
    return [
        InvalidInput(
            f"quiet hours hold for messages of the class {campaign.message_class}",
            code="quiet_hours_hold",
            field="/ignore_quiet_hours",
            expected="false, or a campaign whose message_class is urgent",
        )
    ]


def no_time_left(slots: Sequence[Slot], campaign: Campaign, *, timezone: str) -> InvalidInput:
    """Return the refusal of a request all of whose times are excluded.

    Rules are asked in the order of `Exclusion`, so the last of those that exclude a time is the
    one that removed the last.

    Args:
        slots: of the request, at least one.
        campaign: in whose window they lie.
        timezone: the user's.
    """
    rules = [slot.excluded_by for slot in slots if slot.excluded_by is not None]
    last = max(rules, key=_ORDER.__getitem__)
    begins, ends = campaign.earliest_at.isoformat(), campaign.latest_at.isoformat()
    return InvalidInput(
        f"{_RULES.get(last, last)} ({last}) left no time from {begins} on and before {ends}, on "
        f"the clock of {timezone}",
        code="no_feasible_slot",
        field="/not_after",
        expected="some time at which the user may be reached",
        hint="widen the window, or leave it out: the message then goes out as soon as it may",
    )
