"""What is packed of many is what is packed of each, and comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.errors import InvariantBroken
from sendopt.records import BARS, Exclusion, Slot
from sendopt.records.packed_scores import pack, unpack
from sendopt.schedule import Scored
from sendopt.schedule.bars import NO_BAR
from sendopt.schedule.packing import packed
from sendopt.schedule.slot_grid import SlotGrid

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHARED = (None, None, Exclusion.QUIET_HOURS, Exclusion.PAST)


@st.composite
def scored(draw: st.DrawFn) -> tuple[Scored, list[tuple[Slot, ...]]]:
    """Draw what is said of the slots of some members, and each one's as objects."""
    shared = draw(st.lists(st.sampled_from(SHARED), min_size=1, max_size=5))
    starts = [NOON + number * HOUR for number in range(len(shared))]
    own = [bar for bar in BARS if bar not in SHARED]

    def row(values: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
        some = st.lists(values, min_size=len(shared), max_size=len(shared))
        return some | st.just([None] * len(shared))

    rows = draw(
        st.lists(
            st.tuples(
                row(st.none() | st.floats(0, 1, width=32)),
                row(st.none() | st.floats(0, 100, width=16)),
                row(st.none() | st.sampled_from(own)),
            ),
            min_size=1,
            max_size=4,
        )
    )
    slots = [
        tuple(
            Slot(at, p, excluded or bar, sd)
            for at, excluded, p, sd, bar in zip(starts, shared, *told, strict=True)
        )
        for told in rows
    ]
    numbers = [
        np.array([[np.nan if x is None else x for x in told[at]] for told in rows], np.float64)
        for at in (0, 1)
    ]
    bars = np.array(
        [[NO_BAR if bar is None else BARS.index(bar) for bar in told[2]] for told in rows], np.int8
    )
    zeros = np.zeros(len(shared), np.int16)
    candidates = tuple(
        Slot(at, None, excluded) for at, excluded in zip(starts, shared, strict=True)
    )
    closes_at = tuple(at + HOUR for at in starts)
    grid = SlotGrid(candidates, closes_at, zeros, zeros.astype(np.int8))
    return Scored(np.arange(len(rows)), grid, *numbers, barred_by=bars), slots


@given(scored())
def test_many_are_packed_as_each_is(drawn: tuple[Scored, list[tuple[Slot, ...]]]) -> None:
    many, slots = drawn
    together = packed(many).tolist()
    assert together == [pack(each) for each in slots]
    assert [unpack(many.grid.slots, one) for one in together] == slots


def test_a_number_takes_few_bytes() -> None:
    slots = tuple(Slot(NOON + number * HOUR, 0.5, None, 0.25) for number in range(24))
    assert len(pack(slots)) == 144
    assert len(pack([Slot(slot.starts_at, 0.5) for slot in slots])) == 96
    assert pack([Slot(slot.starts_at, None) for slot in slots]) == b""


@pytest.mark.parametrize("count", [0, 2, 23])
def test_what_was_packed_of_other_slots_is_refused(count: int) -> None:
    packed_of_one = pack([Slot(NOON, 0.5, None, 0.25)])
    with pytest.raises(InvariantBroken) as refused:
        unpack(tuple(Slot(NOON + number * HOUR, None) for number in range(count)), packed_of_one)
    assert refused.value.code == "record_damaged"
