"""What a dispatcher asks of a provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sendopt.records import Message, Outcome


class Provider(Protocol):
    """One way to a device: a push service, a webhook, the simulator."""

    @property
    def name(self) -> str:
        """What attempts are recorded under."""
        ...

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over `messages` and return their outcomes in the same order.

        Returns within a bounded time, well below the dispatcher's lease. Never raises for a
        message's own failure: one bad address does not concern the others.
        """
        ...
