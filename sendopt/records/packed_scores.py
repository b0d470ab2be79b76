"""What was said of one user's slots, and what bars them for this user alone, in few bytes.

First the probabilities of all slots, 4 bytes each, then each one's logit_sd, which is left out
where none is said: little-endian, NaN = unsaid. Both are left out where nothing is said. In the end
a byte a slot, the number of its bar among `BARS`, 255 = none; left out where nothing is barred.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import isnan

from sendopt.errors import InvariantBroken
from sendopt.records.decision import Exclusion, Slot

#: What bars times of one user and not of others, by the number that is stored: add at the end.
BARS: tuple[Exclusion, ...] = (
    Exclusion.LEAST_GAP,
    Exclusion.FREQUENCY_CAP,
    Exclusion.WEEKLY_BUDGET,
    Exclusion.VENDOR_QUOTA,
    Exclusion.CAPACITY,
)
_NO_BAR = 255
_UNSAID = float("nan")


def pack(slots: Sequence[Slot]) -> bytes:
    """Pack what is one user's own of slots."""
    said = [slot.open_probability for slot in slots]
    if any(slot.logit_sd is not None for slot in slots):
        said += [slot.logit_sd for slot in slots]
    if all(number is None for number in said):
        said = []
    numbers = [_UNSAID if number is None else number for number in said]
    packed = struct.pack(f"<{len(numbers)}f", *numbers)
    if any(slot.excluded_by in BARS for slot in slots):
        packed += bytes([_number_of(slot.excluded_by) for slot in slots])
    return packed


def unpack(slots: tuple[Slot, ...], packed: bytes) -> tuple[Slot, ...]:
    """Return slots that many users share with what is one user's own of them.

    Raises:
        InvariantBroken: `record_damaged`, if it was packed of another number of slots, or bars
            one in no way that is known.
    """
    if not packed:
        return slots
    count = len(slots)
    numbers, bars = divmod(len(packed), 4 * count) if count else (0, 1)
    if numbers > 2 or bars not in {0, count}:
        raise InvariantBroken(
            f"{len(packed)} bytes cannot be the scores of {count} slots", code="record_damaged"
        )
    said = struct.unpack(f"<{numbers * count}f", packed[: 4 * numbers * count])
    known = [None if isnan(number) else number for number in said]
    nothing = [None] * count
    barred = packed[-count:] if bars else bytes([_NO_BAR]) * count
    return tuple(
        Slot(slot.starts_at, p, slot.excluded_by if bar == _NO_BAR else _bar(bar), sd)
        for slot, p, sd, bar in zip(
            slots,
            known[:count] or nothing,
            known[count:] or nothing,
            barred,
            strict=True,
        )
    )


def _number_of(excluded_by: Exclusion | None) -> int:
    return BARS.index(excluded_by) if excluded_by in BARS else _NO_BAR


def _bar(number: int) -> Exclusion:
    if number >= len(BARS):
        raise InvariantBroken(f"{number} is no bar that sendopt knows", code="record_damaged")
    return BARS[number]
