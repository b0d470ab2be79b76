"""Asks the stores how they are, without waiting for one that is silent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import wait
from datetime import timedelta
from types import MappingProxyType

import structlog

from sendopt.app.logging import trace
from sendopt.errors import SendoptError
from sendopt.liveness import Liveness

_log = structlog.get_logger()

#: Whoever asks waits no longer than this, whatever is silent.
PATIENCE = timedelta(seconds=2)

SILENT = "no_answer"


class Readiness:
    """How the stores are.

    Args:
        questions: by the store that each asks; one returns if all is well, and raises if not.
        renewals: of stores that are asked over connections, what makes new ones: see `Liveness`.
    """

    def __init__(
        self,
        questions: Mapping[str, Callable[[], object]],
        renewals: Mapping[str, Callable[[], object]] = MappingProxyType({}),
    ) -> None:
        self._stores = {
            name: Liveness(ask, renew=renewals.get(name)) for name, ask in questions.items()
        }

    def ask(self) -> dict[str, str | None]:
        """Return of every store None if it is well, else the code of what is wrong."""
        asked = {name: store.ask() for name, store in self._stores.items()}
        answered, _ = wait(asked.values(), PATIENCE.total_seconds())
        return {
            name: _code(name, answer.exception()) if answer in answered else SILENT
            for name, answer in asked.items()
        }


def _code(store: str, error: BaseException | None) -> str | None:
    if error is None:
        return None
    if isinstance(error, SendoptError):
        return error.code
    _log.error("store_crashed", store=store, **trace(error))
    return "internal"
