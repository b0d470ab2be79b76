"""Flip bits in every kind of file, as one more row of the table."""

from __future__ import annotations

from contextlib import closing

from faults.flips import KINDS, Judge, files_of, flip, live_a_day, untouched
from faults.history import Bench
from faults.tally import Tally


def flip_bits(bench: Bench, seed: int, flips: int) -> Tally:
    """Flip one bit after the other, each in a copy of a home in which a day was lived.

    Damage that is named counts as a finding, and is what should become of it.
    """
    scratch = bench.scratch / f"flips-{seed:x}"
    scratch.mkdir()
    lived = live_a_day(scratch / "lived")
    kinds = [kind for kind in KINDS if files_of(lived, kind)]
    tally = Tally()
    with closing(Judge()) as judge:
        for kind in kinds:
            if (said := untouched(lived, kind, scratch, judge)) != "harmless":
                tally.unexpected += 1
                tally.failures.append(f"{said}: nothing was flipped of {kind}")
        for number in range(flips):
            flipped = flip(lived, kinds[number % len(kinds)], seed + number, scratch, judge)
            if flipped is None:
                continue
            tally.faults += 1
            tally.findings += flipped.outcome == "named"
            if flipped.outcome in {"silent", "died"}:
                tally.unexpected += 1
                tally.failures.append(f"{flipped.outcome}: {flipped.file} byte {flipped.byte}")
    return tally
