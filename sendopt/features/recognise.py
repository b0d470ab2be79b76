"""Recognises how a log records answers: stamps that are rounded, and machines that answer.

Mail and push scanners open what is sent to their users at once, and some senders' exports stamp
answers by the quarter hour, hour or day. Both are properties of the whole log: what is found is a
parameter of the model that is trained on it, and does not change with later events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sendopt.features.queries import statement
from sendopt.features.recording import INSTANT, InstantAnswers, Recording
from sendopt.features.target import Target, microseconds
from sendopt.log import Reader

_MICROSECOND = timedelta(microseconds=1)

#: Steps to which stamps may be rounded, in UTC.
_STEPS = (
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=30),
    timedelta(minutes=15),
)
_FEWEST_ANSWERS = 100  # by which a step is recognised
_NEARLY_ALL = 0.99
_SOME = 0.01  # of answers stamped at or before their send: more than clocks that differ explain

_SOON = timedelta(minutes=5)  # after the instant; people answer in it about evenly
_TIMES_AS_OFTEN = 10.0  # a second at the instant than soon after it
_BY_CHANCE = 1e-6
_FEWEST_INSTANT = 20
_FEWEST_LATER = 20  # people's answers beside a machine's by which it is known that they are kept


def recognised(reader: Reader, target: Target, *, until: datetime) -> Target:
    """Return `target` with how the answers before `until` were recorded."""
    until_us = microseconds(until)
    recording = _rounded(reader, target, until_us)
    if recording.step is None:
        recording = replace(recording, instant=_instant(reader, target, until_us))
    return replace(target, recording=recording)


def _rounded(reader: Reader, target: Target, until_us: int) -> Recording:
    """Return the longest step of which nearly all answers' stamps are multiples.

    Where the stamps of their sends are as well, nothing tells that it is the answers that were
    rounded, unless some are stamped at the very instant of their send.
    """
    counted = reader.query(
        "answer_stamps",
        statement("answer_stamps"),
        {
            "outcome": target.outcome.value,
            "until_us": until_us,
            "steps_us": [step // _MICROSECOND for step in _STEPS],
        },
    )
    for on_step in counted.to_pylist():
        least = _NEARLY_ALL * on_step["answers"]
        if on_step["answers"] < _FEWEST_ANSWERS or on_step["answers_on_step"] < least:
            continue
        down = on_step["not_after"] > _SOME * on_step["answers"]
        if down or on_step["sends_on_step"] < least:
            return Recording(step=on_step["step_us"] * _MICROSECOND, rounded_down=down)
    return Recording()


def _instant(reader: Reader, target: Target, until_us: int) -> InstantAnswers:
    counted = reader.query(
        "instant_answers",
        statement("instant_answers"),
        {
            "outcome": target.outcome.value,
            "until_us": until_us,
            "instant_us": INSTANT // _MICROSECOND,
            "soon_us": (INSTANT + _SOON) // _MICROSECOND,
        },
    )
    counts = counted.to_pylist()[0]
    if not _by_machines(counts["at_once"], counts["soon"]):
        return InstantAnswers.PEOPLES
    return InstantAnswers.BESIDE if _people_are_kept(counts) else InstantAnswers.INSTEAD


def _by_machines(at_once: int, soon: int) -> bool:
    """Return whether a second at the instant is answered far more often than one soon after it.

    Given their sum, of two Poisson counts one is binomial (Przyborowski and Wilenski, 1940): the
    hypothesis that is to be refuted is that the rates differ by _TIMES_AS_OFTEN.
    """
    from scipy.special import bdtrc  # noqa: PLC0415 - costs every command 0.1 s

    if at_once < _FEWEST_INSTANT:
        return False
    weighed = _TIMES_AS_OFTEN * 2 * INSTANT  # before and after the send
    share = weighed / (weighed + _SOON)
    chance: float = float(bdtrc(at_once - 1, at_once + soon, share))
    unlikely: bool = chance < _BY_CHANCE
    return unlikely


def _people_are_kept(counts: Mapping[str, Any]) -> bool:
    """Return whether people's answers are recorded where a machine came first.

    They are if there are at least half as many as of other sends. Fewer are no sample of what
    people did: of a send of which only a later answer would be kept, silence would not be known.
    """
    others = counts["sends"] - counts["at_once"]
    expected = counts["at_once"] * counts["others_later"] / max(others, 1)
    kept: int = counts["at_once_and_later"]
    return bool(kept >= max(_FEWEST_LATER, expected / 2))
