"""Says in one sentence why a send has its time, out of its decision record alone."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

from sendopt.clock import zone_of
from sendopt.records import (
    Arm,
    Decision,
    EndReason,
    Exclusion,
    PlannedSend,
    Policy,
    SendState,
    Slot,
)

#: What each exclusion says of a time.
_WORDS: Mapping[Exclusion, str] = {
    Exclusion.PAST: "it was over when this was planned",
    Exclusion.QUIET_HOURS: "it is in the quiet hours of the campaign",
    Exclusion.QUIET_HOURS_INFERRED: "it may be night where the user lives",
    Exclusion.QUIET_HOURS_OWN: "it is in the user's own quiet hours",
    Exclusion.LOCAL_WINDOW: "the user's clock does not show the send window then",
    Exclusion.SNOOZED: "the user has snoozed until later",
    Exclusion.LEGAL_HOURS: "the law where the user lives forbids it then",
    Exclusion.VENDOR_HOURS: "the push service shows nothing then",
    Exclusion.LEAST_GAP: "another message to the user is too near",
    Exclusion.FREQUENCY_CAP: "the user would get too many within the time of a cap",
    Exclusion.WEEKLY_BUDGET: "the user would get more than the weekly budget",
    Exclusion.VENDOR_QUOTA: "the push service shows the user no more on that day",
    Exclusion.CAPACITY: "as many messages fall due then as may",
}

_CONFIGURED = "the allowed time nearest to the configured one"
_BY_ARM: Mapping[Policy, str] = {
    Policy.CONFIGURED: _CONFIGURED,
    Policy.RANDOM: "drawn at random of the allowed times, all alike",
}
_BY_RULE: Mapping[Policy, str] = {
    Policy.EARLIEST: "the first allowed time, as none was to be chosen",
    Policy.FALLBACK: f"{_CONFIGURED}, as nothing was known to choose by",
    Policy.POPULATION_HOUR: "in the hour in which all users answer most, as the arm wants it",
    Policy.USER_HISTOGRAM: "in the hour in which this user answers most, as the arm wants it",
}
_OF_ARM: Mapping[Arm, str] = {
    Arm.HOLDOUT: "the holdout",
    Arm.CONFIGURED: "the arm of today's practice",
    Arm.RANDOM: "the arm of random times",
}


def why(
    decision: Decision, *, arm: Arm | None = None, suppressed_by: EndReason | None = None
) -> str:
    """Return the sentence.

    Args:
        decision: why the send has its time.
        arm: of the user.
        suppressed_by: why its plan sends nothing; None = it does.
    """
    slot = decision.chosen_slot
    if suppressed_by == EndReason.KEPT_BACK and slot is not None:
        planned = _clock(decision, slot)
        return f"Nothing is sent, to measure what sending does; else it would be {planned}."
    if suppressed_by is not None:
        return f"Nothing is sent: {suppressed_by.meaning}{_last_bound(decision)}."
    if slot is None:
        return f"No time was chosen{_last_bound(decision)}."
    return f"{_clock(decision, slot)}: {_because(decision, slot, arm)}{_bound(decision, slot)}."


def why_of(send: PlannedSend, decision: Decision) -> str:
    """Return the sentence about a send, whatever has become of it since its plan."""
    is_suppressed = send.state is SendState.SUPPRESSED
    reason = next((each for each in EndReason if is_suppressed and each == send.reason), None)
    return why(decision, arm=send.arm, suppressed_by=reason)


def _clock(decision: Decision, slot: Slot) -> str:
    at = slot.starts_at.astimezone(zone_of(decision.timezone))
    return f"{at:%A %d %B %Y, %H:%M} in {decision.timezone}"


def _because(decision: Decision, slot: Slot, arm: Arm | None) -> str:
    allowed = sum(each.excluded_by is None for each in decision.slots)
    of = f"of {allowed} allowed times" if allowed > 1 else "of one allowed time"
    if decision.explored:
        return f"drawn {of}, with a chance of {_percent(decision.propensity)}, to learn about it"
    if decision.abstention_reason is not None:
        gain = _percent(decision.gain_probability)
        return f"the configured time, as no other is proven to be better (the chance is {gain})"
    policy = decision.policy
    if policy in _BY_ARM:
        return f"{_BY_ARM[policy]}, for {_arm(arm)}"
    if policy is Policy.FALLBACK and decision.fallback_reason is not None:
        return f"{_CONFIGURED}, as no model spoke ({decision.fallback_reason})"
    return _BY_RULE.get(policy) or f"{of} {_by_scores(decision, slot)}"


def _by_scores(decision: Decision, slot: Slot) -> str:
    chance = slot.open_probability
    if chance is None:
        return "the one that was worth most"
    likeliest = max(
        each.open_probability or 0.0 for each in decision.slots if each.excluded_by is None
    )
    what = (
        "the likeliest to be answered"
        if chance >= likeliest
        else "the one with which all that was planned together is worth most"
    )
    return f"{what} ({_percent(chance)})"


def _bound(decision: Decision, slot: Slot) -> str:
    """Say what kept the send from a likelier time, and what that costs as far as it is known."""
    bound, chance = decision.binding_constraint, slot.open_probability
    if bound is None:
        return ""
    likelier = [
        (each.open_probability - chance, each.starts_at)
        for each in decision.slots
        if each.excluded_by == bound and chance is not None and each.open_probability is not None
    ]
    more, at = max(likelier, key=itemgetter(0), default=(0.0, slot.starts_at))
    if more <= 0.0:
        return f"; not at a better one, as {_WORDS[bound]}"
    local = at.astimezone(zone_of(decision.timezone))
    return f"; {local:%A %H:%M} is likelier by {100.0 * more:.1f} points, but {_WORDS[bound]}"


def _last_bound(decision: Decision) -> str:
    bound = decision.binding_constraint
    return "" if bound is None else f"; at the time that would suit best {_WORDS[bound]}"


def _arm(arm: Arm | None) -> str:
    return "the control" if arm is None else _OF_ARM.get(arm, f"the arm {arm}")


def _percent(share: float | None) -> str:
    return "unknown size" if share is None else f"{100.0 * share:.1f} %"
