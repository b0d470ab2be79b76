"""What the clients asked for, and what they were promised."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Kind = Literal["events", "file", "campaign", "click"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; the two stamps are those of the log's `progress`."""

    kind: Kind
    ids: tuple[
        str, ...
    ]  # events, file: those of its events; campaign: its id; click: its send and its token
    body: Any  # as it was sent, for another try
    begun_at: int
    answered_at: int | None = None  # null = no answer, or none that promises anything
    counted: bool = False  # a click of which the answer said that it is billed

    @property
    def is_acknowledged(self) -> bool:
        return self.answered_at is not None


@dataclass
class AckLog:
    """Every exchange of a history; threads of clients write it side by side.

    `progress` says how far the history has come: the size of the journal of what was written to
    disk where a power loss is tried, else nothing.
    """

    progress: Callable[[], int] = lambda: 0
    exchanges: list[Exchange] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # answers that no client should ever get
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def add(self, exchange: Exchange) -> None:
        with self._writing:
            self.exchanges.append(exchange)

    def acknowledged(self, *kinds: Kind) -> list[Exchange]:
        return [each for each in self.attempted(*kinds) if each.is_acknowledged]

    def attempted(self, *kinds: Kind) -> list[Exchange]:
        return [each for each in self.exchanges if each.kind in kinds]

    def indeterminate(self) -> list[Exchange]:
        """Return what got no answer, and was not acknowledged by another try either."""
        done = {(each.kind, each.ids) for each in self.exchanges if each.is_acknowledged}
        return [
            each
            for each in self.exchanges
            if not each.is_acknowledged and (each.kind, each.ids) not in done
        ]

    def until(self, cut: int) -> AckLog:
        """Return the log as it stood when the history had come to `cut`."""
        begun = (each for each in self.exchanges if each.begun_at <= cut)
        return AckLog(exchanges=[_as_of(each, cut) for each in begun])


def _as_of(exchange: Exchange, cut: int) -> Exchange:
    if exchange.answered_at is None or exchange.answered_at <= cut:
        return exchange
    return replace(exchange, answered_at=None, counted=False)


def ids(exchanges: Iterable[Exchange]) -> set[str]:
    return {each_id for exchange in exchanges for each_id in exchange.ids}


def clicks(exchanges: Iterable[Exchange]) -> Counter[str]:
    """Count clicks by their send."""
    return Counter(exchange.ids[0] for exchange in exchanges)
