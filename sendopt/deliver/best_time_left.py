"""Where a send goes that may not go out at its time: to the best allowed time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sendopt.deliver.allowed_times import Frequency, allowed_at, barred_by
from sendopt.records import DueSend, Exclusion, Slot

#: What kept a slot from being chosen, and is judged again by what is known now. Whatever else did
#: holds as it was planned.
_JUDGED_AGAIN = frozenset(
    {
        None,
        Exclusion.QUIET_HOURS,
        Exclusion.QUIET_HOURS_INFERRED,
        Exclusion.QUIET_HOURS_OWN,
        Exclusion.SNOOZED,
        Exclusion.LEGAL_HOURS,
        Exclusion.LEAST_GAP,
        Exclusion.FREQUENCY_CAP,
        Exclusion.WEEKLY_BUDGET,
    }
)


def best_time_left(
    send: DueSend, slots: Sequence[Slot], instant: datetime, frequency: Frequency
) -> datetime:
    """Return the most likely allowed slot from `instant` on, of those that the plan has weighed.

    Where none is left, or nobody knows how likely they are, it is the first allowed instant. What
    is planned for the user keeps its time, if that leaves any for this send. It may lie behind the
    expiry, where no time is left.
    """
    at = send.expires_at
    for counted in (frequency.with_all(), frequency) if frequency.to_come else (frequency,):
        at = _best(send, slots, instant, counted)
        if at < send.expires_at:
            break
    return at


def _best(
    send: DueSend, slots: Sequence[Slot], instant: datetime, frequency: Frequency
) -> datetime:
    first = allowed_at(send, instant, frequency)
    left = [
        (slot.open_probability, slot.starts_at)
        for slot in slots
        if slot.open_probability is not None
        and slot.excluded_by in _JUDGED_AGAIN
        and first <= slot.starts_at < send.expires_at
        and barred_by(send, slot.starts_at, frequency) is None
    ]
    highest = max((probability for probability, _ in left), default=None)
    return min((at for probability, at in left if probability == highest), default=first)
