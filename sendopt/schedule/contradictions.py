"""What is wrong between the parts of a campaign, each of which may be right.

Each rule reads the parts that it needs, and is silent where they cannot be read: that is told of
the part itself, at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sendopt.errors import InvalidInput
from sendopt.records import Policy
from sendopt.schedule.experiment import contradictions_of_experiment
from sendopt.schedule.fields import read_instant
from sendopt.strict_json import escaped
from sendopt.text import quoted

MAX_WINDOW = timedelta(days=31)
MAX_SLOTS = 500  # of one user: the decision record keeps them all

#: Title and body. One encrypted Web Push record takes 4,096 bytes (RFC 8291, section 4); this
#: leaves a third of them to the link and the JSON around it.
MAX_TEXT_BYTES = 2_700


@dataclass(frozen=True)
class _Window:
    earliest_at: datetime
    latest_at: datetime


def contradictions(definition: Any, *, now: datetime) -> Iterator[InvalidInput]:
    """Yield every fault between the parts of a definition, which may be any JSON.

    `now` decides whether the send window is over.
    """
    if not isinstance(definition, dict):
        return
    yield from _of_variants(definition.get("variants"))
    window = _window(definition.get("send_window"))
    if window is not None:
        of_window = list(_of_window(window, definition.get("slot_minutes", 60), now=now))
        yield from of_window
        if not of_window:
            yield from _of_candidate_times(definition.get("candidate_times"), window)
    yield from _of_audience(definition.get("audience"), definition.get("candidate_times"))
    yield from _of_quiet_hours(definition.get("quiet_hours"))
    yield from _of_exploration(definition.get("exploration"))
    yield from contradictions_of_experiment(definition)


def _of_variants(variants: Any) -> Iterator[InvalidInput]:
    seen = set()
    for index, variant in enumerate(variants if isinstance(variants, list) else ()):
        if not isinstance(variant, dict):
            continue
        name = variant.get("variant_id")
        if isinstance(name, str):
            if name in seen:
                yield InvalidInput(
                    f"{quoted(name)} stands twice",
                    code="duplicate_id",
                    field=f"/variants/{index}/variant_id",
                    expected="each variant once",
                )
            seen.add(name)
        texts = [variant.get("title"), variant.get("body")]
        size = sum(len(text.encode(errors="replace")) for text in texts if isinstance(text, str))
        if size > MAX_TEXT_BYTES:
            yield InvalidInput(
                f"title and body take {size:,} bytes",
                code="payload_too_large",
                field=f"/variants/{index}/body",
                expected=f"at most {MAX_TEXT_BYTES:,} bytes of UTF-8",
            )


def _window(window: Any) -> _Window | None:
    if not isinstance(window, dict):
        return None
    ends = (read_instant(window.get(name)) for name in ("earliest_at", "latest_at"))
    earliest_at, latest_at = ends
    return None if earliest_at is None or latest_at is None else _Window(earliest_at, latest_at)


def _of_window(window: _Window, slot_minutes: Any, *, now: datetime) -> Iterator[InvalidInput]:
    length = window.latest_at - window.earliest_at
    if length <= timedelta(0):
        example = {
            "earliest_at": "2026-10-25T00:00:00+02:00",
            "latest_at": "2026-10-26T00:00:00+01:00",
        }
        yield InvalidInput(
            "the send window ends before it starts",
            code="window_invalid",
            field="/send_window",
            expected="earliest_at < latest_at",
            hint=f"for example {json.dumps(example)}",
        )
        return
    slots = length / timedelta(minutes=1) / slot_minutes if _is_count(slot_minutes) else 0
    if length > MAX_WINDOW or slots > MAX_SLOTS:
        yield InvalidInput(
            f"the send window lasts {length / timedelta(days=1):.3g} days"
            + (f" and has {slots:.0f} slots" if slots else ""),
            code="window_invalid",
            field="/send_window",
            expected=f"at most {MAX_SLOTS} slots and {MAX_WINDOW.days} days",
            hint="narrow send_window or widen slot_minutes",
        )
    if window.latest_at <= now:
        yield InvalidInput(
            f"the send window was over at {window.latest_at.isoformat()}",
            code="no_feasible_slot",
            field="/send_window/latest_at",
            expected=f"an instant after {now.isoformat()}",
        )


def _of_candidate_times(candidate_times: Any, window: _Window) -> Iterator[InvalidInput]:
    """Hold every named time against the window: the two would contradict each other for ever."""
    for user, times in _by_user(candidate_times).items():
        for index, given in enumerate(times if isinstance(times, list) else ()):
            at = read_instant(given)
            if at is not None and not window.earliest_at <= at < window.latest_at:
                yield InvalidInput(
                    f"{at.isoformat()} lies outside the send window",
                    code="window_invalid",
                    field=f"/candidate_times/{escaped(user)}/{index}",
                    expected="earliest_at <= t < latest_at",
                )


def _of_audience(audience: Any, candidate_times: Any) -> Iterator[InvalidInput]:
    if not isinstance(audience, list) or not audience:
        return
    members = {user for user in audience if isinstance(user, str)}
    seen: set[str] = set()
    for user in audience:
        if isinstance(user, str) and user in seen:
            yield InvalidInput(
                f"names {quoted(user)} twice",
                code="duplicate_id",
                field="/audience",
                expected="each user once",
            )
            break
        seen.update({user} if isinstance(user, str) else ())
    for user in _by_user(candidate_times):
        if user not in members:
            yield InvalidInput(
                "is not in the audience",
                code="audience_invalid",
                field=f"/candidate_times/{escaped(user)}",
                expected="a user of the audience",
            )


def _of_quiet_hours(quiet: Any) -> Iterator[InvalidInput]:
    if isinstance(quiet, dict) and quiet.get("start") == quiet.get("end") is not None:
        yield InvalidInput(
            "quiet hours last all day and leave no time to send",
            code="no_feasible_slot",
            field="/quiet_hours",
            expected="start and end that differ, or null for none",
            hint=f"for example {json.dumps({'start': '22:00', 'end': '08:00'})}",
        )


def _of_exploration(exploration: Any) -> Iterator[InvalidInput]:
    if not isinstance(exploration, dict):
        return
    policy, epsilon = exploration.get("policy"), exploration.get("epsilon")
    if policy == Policy.GREEDY and epsilon:
        yield InvalidInput(
            "the greedy policy explores nothing",
            code="exploration_invalid",
            field="/exploration/epsilon",
            expected="no epsilon, or another policy",
            hint='"epsilon_greedy" explores with this probability',
        )
    if policy == Policy.EPSILON_GREEDY and epsilon is None:
        yield InvalidInput(
            "is missing",
            code="missing_field",
            field="/exploration/epsilon",
            expected="a probability from 0 to 0.5",
        )


def _by_user(candidate_times: Any) -> Mapping[str, Any]:
    return candidate_times if isinstance(candidate_times, dict) else {}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
