"""Push services and webhooks of a simulated day: they take, refuse, stall, and keep silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from sendopt.records import Accepted, DeadAddress, Message, Outcome, Permanent, Retry
from simulation.facts import HandOver
from simulation.scheduler import Scheduler
from simulation.service import LEASE


class SimulatedProvider:
    """Answers by the day's chance.

    Args:
        name: of the channel.
        scheduler: the day's.
        begin: notes that a message is at the door.
        end: notes what the dispatcher heard.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        begin: Callable[[Message], HandOver],
        end: Callable[[HandOver], None],
    ) -> None:
        self.name = name
        self._scheduler, self._begin, self._end = scheduler, begin, end

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over all of them at once, as the real channels do, and wait for the slowest."""
        scheduler = self._scheduler
        under_way = []
        for message in messages:
            scheduler.step("before it hands over")
            hand_over = self._begin(message)
            hand_over.accepted, outcome, seconds = self._answer()
            under_way.append((hand_over, outcome, seconds))
        scheduler.sleep_until(
            scheduler.now + timedelta(seconds=max(seconds for _, _, seconds in under_way))
        )
        scheduler.step("while the provider answers")
        scheduler.oversleep(LEASE)
        for hand_over, outcome, _ in under_way:
            hand_over.told, hand_over.told_at = outcome, scheduler.now
            self._end(hand_over)
        return [outcome for _, outcome, _ in under_way]

    def _answer(self) -> tuple[bool, Outcome, int]:
        """Draw whether the provider takes the message, what it says, and after how many seconds."""
        random, faults = self._scheduler.random, self._scheduler.faults
        accepted, outcome, seconds = self._said()
        if faults.overslept and random.random() < 0.5:
            seconds = random.randrange(LEASE // timedelta(seconds=1))
        return accepted, outcome, seconds

    def _said(self) -> tuple[bool, Outcome, int]:
        random = self._scheduler.random
        if random.random() >= self._scheduler.faults.provider:
            return True, Accepted(), 0
        return random.choice(
            (
                (True, Retry("timeout"), 20),  # it took the message, and the answer was lost
                (True, Accepted(), 15),
                (False, Retry("timeout"), 20),
                (False, Retry("http_503"), 0),
                (False, Retry("http_429", timedelta(seconds=random.choice((30, 300)))), 0),
                (False, Permanent("http_413"), 0),
                (False, DeadAddress("http_410"), 0),
            )
        )
