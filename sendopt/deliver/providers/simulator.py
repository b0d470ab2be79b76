"""A provider that takes every message: for the demo, for dry runs, for whole virtual days."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sendopt.records import Accepted, Message, Outcome


class SimulatorProvider:
    """Accepts each message and shows it to `on_message`, once a hand-over."""

    name = "simulator"

    def __init__(self, on_message: Callable[[Message], None] = lambda _message: None) -> None:
        self._on_message = on_message

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        for message in messages:
            self._on_message(message)
        return [Accepted() for _ in messages]
