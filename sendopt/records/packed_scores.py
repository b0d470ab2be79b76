"""What was said of one user's slots, and what bars them for this user alone, in few bytes.

First the probabilities of all slots in single precision, 4 bytes each, then each one's logit_sd in
half precision, 2 bytes, which is left out where none is said: little-endian, NaN = unsaid. Both are
left out where nothing is said. In the end a byte a slot, the number of its bar among `BARS`, 255 =
none; left out where nothing is barred.
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
#: What is there, by how many bytes each slot takes: as `struct` calls it.
_FORMS: dict[float, str] = {1: "B", 4: "f", 5: "fB", 6: "fe", 7: "feB"}
_PROBABILITY = struct.Struct("<f")
_UNSAID = float("nan")


def pack(slots: Sequence[Slot]) -> bytes:
    """Pack what is one user's own of slots."""
    said = [slot.open_probability for slot in slots]
    unsure = [slot.logit_sd for slot in slots]
    packed = b""
    if any(number is not None for number in (*said, *unsure)):
        packed = struct.pack(f"<{len(slots)}f", *map(_told, said))
    if any(number is not None for number in unsure):
        packed += struct.pack(f"<{len(slots)}e", *map(_told, unsure))
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
    form = _FORMS.get(len(packed) / count) if count else None
    if form is None:
        raise InvariantBroken(
            f"{len(packed)} bytes cannot be the scores of {count} slots", code="record_damaged"
        )
    nothing: list[float | None] = [None] * count
    columns: list[Sequence[float | None]] = []
    at = 0
    for letter in "feB":
        if letter in form:
            column = struct.Struct(f"<{count}{letter}")
            columns.append([_known(number) for number in column.unpack_from(packed, at)])
            at += column.size
        else:
            columns.append(nothing)
    return tuple(
        Slot(slot.starts_at, p, slot.excluded_by if bar in {None, _NO_BAR} else _bar(bar), sd)
        for slot, p, sd, bar in zip(slots, *columns, strict=True)
    )


def probability_at(packed: bytes, place: int, *, slots: int) -> float | None:
    """Return the probability of one slot out of what `slots` of them were packed to."""
    if len(packed) < slots * _PROBABILITY.size:
        return None
    (number,) = _PROBABILITY.unpack_from(packed, place * _PROBABILITY.size)
    return _known(number)


def _told(number: float | None) -> float:
    return _UNSAID if number is None else number


def _known(number: float) -> float | None:
    return None if isnan(number) else number


def _number_of(excluded_by: Exclusion | None) -> int:
    return BARS.index(excluded_by) if excluded_by in BARS else _NO_BAR


def _bar(number: float) -> Exclusion:
    if number not in range(len(BARS)):
        raise InvariantBroken(f"{number} is no bar that sendopt knows", code="record_damaged")
    return BARS[int(number)]
