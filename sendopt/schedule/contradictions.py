"""What is wrong between the parts of a campaign, each of which may be right.

Each rule reads the parts that it needs, and is silent where they cannot be read: that is told of
the part itself, at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sendopt.errors import InvalidInput
from sendopt.records import MessageClass, Policy
from sendopt.schedule.experiment import contradictions_of_experiment
from sendopt.schedule.window_faults import window_faults
from sendopt.strict_json import escaped
from sendopt.text import quoted

#: Title and body. One encrypted Web Push record takes 4,096 bytes (RFC 8291, section 4); this
#: leaves a third of them to the link and the JSON around it.
MAX_TEXT_BYTES = 2_700


def contradictions(definition: Any, *, now: datetime) -> Iterator[InvalidInput]:
    """Yield every fault between the parts of a definition, which may be any JSON.

    `now` decides whether the send window is over.
    """
    if not isinstance(definition, dict):
        return
    yield from _of_variants(definition.get("variants"))
    yield from window_faults(definition, now=now)
    yield from _of_audience(definition.get("audience"), definition.get("candidate_times"))
    yield from _of_quiet_hours(definition.get("quiet_hours"))
    yield from _of_exploration(definition.get("exploration"))
    yield from contradictions_of_experiment(definition)
    yield from _of_message_class(definition)


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


def _of_audience(audience: Any, candidate_times: Any) -> Iterator[InvalidInput]:
    if audience == "triggered":
        for user in _by_user(candidate_times):
            yield InvalidInput(
                "a triggered campaign has no candidate times",
                code="audience_invalid",
                field=f"/candidate_times/{escaped(user)}",
                expected="none: each send is asked for with a window of its own",
            )
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


def _of_message_class(definition: dict[str, Any]) -> Iterator[InvalidInput]:
    """Refuse what says how a time is chosen, where none is."""
    message_class = definition.get("message_class")
    if message_class not in {MessageClass.TRANSACTIONAL, MessageClass.URGENT}:
        return
    for name in ("exploration", "experiment", "holdout", "least_confidence"):
        if definition.get(name) is not None:
            yield InvalidInput(
                f"a {message_class} message goes out as soon as it may: no time is chosen for it",
                code="message_class_invalid",
                field=f"/{name}",
                expected="nothing, or null",
                hint='"marketing" is the class of messages whose time is chosen',
            )


def _by_user(candidate_times: Any) -> Mapping[str, Any]:
    return candidate_times if isinstance(candidate_times, dict) else {}
