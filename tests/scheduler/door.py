"""The push service of a trial: where everything that goes out is seen, and judged."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from scheduler.draws import DIES_AFTER, DIES_BEFORE
from scheduler.facts import Facts, HandOver
from scheduler.judge import Judge

from sendopt.clock import VirtualClock
from sendopt.records import Accepted, DeadAddress, Message, Outcome


class Door:
    """Judges what comes, and answers what is wanted of it.

    Args:
        facts: of the trial; what comes, and what is wrong with it, is added.
        judge: that knows them.
        wanted: the next answers; when there are none, everything is accepted.
        clock: when it is.
    """

    name = "door"

    def __init__(self, facts: Facts, judge: Judge, wanted: deque[Any], clock: VirtualClock) -> None:
        self._facts, self._judge, self._wanted, self._clock = facts, judge, wanted, clock

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        """Take messages, or let the process die over them."""
        facts, judge, wanted = self._facts, self._judge, self._wanted
        judge.look()
        told: list[Outcome] = []
        for message in messages:
            answer = wanted.popleft() if wanted else Accepted()
            if answer == DIES_BEFORE:
                raise MemoryError
            now, send = self._clock.now(), judge.sends[message.send_id]
            what = f"{message.send_id} to {message.user_id} at {now}"
            facts.violations += [f"{what} {each}" for each in judge.at_the_door(message, now)]
            seen = HandOver(message.send_id, message.user_id, send.campaign_id, send.revision, now)
            facts.hand_overs.append(seen)
            if answer == DIES_AFTER:
                raise MemoryError
            told.append(answer)
        # Only now the dispatcher hears of any of them.
        for message, answer, seen in zip(
            messages, told, facts.hand_overs[-len(told) :], strict=True
        ):
            seen.accepted = isinstance(answer, Accepted)
            if isinstance(answer, DeadAddress):
                facts.owners.pop(message.device.device_id, None)
        return told
