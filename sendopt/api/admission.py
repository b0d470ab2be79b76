"""Let in as many requests as can be worked on, and refuse the others at once.

Each kind of request has threads and a queue of its own, so that a slow kind never takes them from
the others. A request in the queue holds no thread, one beyond the queue costs a glance at its path.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendopt.api import problems
from sendopt.api.metrics import Metrics
from sendopt.api.turns import Turn, Turns
from sendopt.clock import monotonic
from sendopt.errors import Overloaded

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Kind:
    """Requests that need about the same; the first kind whose pattern fits is theirs."""

    name: str
    at_once: int
    patience: float  # seconds in the queue
    request: str  # a pattern of "METHOD /path"


#: Few at once: threads beyond the cores make nobody faster, and let the event loop wait for them.
KINDS = (
    Kind("events", 6, 5.0, r"POST /v1/events"),
    # Those who wait while one plans for all of them need no core.
    Kind("sends", 32, 5.0, r"POST /v1/sends(/batch)?"),
    Kind("links", 6, 5.0, r"\w+ /t/.*"),
    Kind("readiness", 4, 5.0, r"GET /readyz"),
    Kind("metrics", 2, 5.0, r"GET /metrics"),
    Kind(
        "plans",
        4,
        30.0,
        r"POST /v1/campaigns(/[^/]*/(preview|commit|revise))?|GET /v1/campaigns/[^/]*/preview|"
        r"POST /v1/plans(/preview)?|POST /v1/series(/preview|/[^/]*/revise)?",
    ),
    Kind(
        "reports",
        3,
        10.0,
        r"GET /v1/(lift|models|statements(/.*)?|exports/.*|users/[^/]*/explanation|"
        r"campaigns/[^/]*/results)",
    ),
    Kind("reads", 6, 5.0, r"(GET|HEAD) .*"),
    Kind("writes", 4, 5.0, r".*"),
)
#: Places in the queue of each kind.
WAITING = 100

_KINDS = [(re.compile(kind.request, re.DOTALL), kind.name) for kind in KINDS]
_TOLD_EVERY = 10.0  # seconds between two log lines about what was refused


class Admission:
    """Stands between the observer and the routes, and gives every request its turn.

    A turn ends as the answer begins: what a client takes its time to read is worked out by then.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._turns = {
            kind.name: Turns(
                kind.name, at_once=kind.at_once, waiting=WAITING, patience=kind.patience
            )
            for kind in KINDS
        }
        self._refused: Counter[tuple[str, str]] = Counter()
        self._tell_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind = kind_of(scope["method"], scope["path"])
        turn = Turn(self._turns[kind], caller_of(scope))
        scope["state"]["turn"] = turn
        try:
            await turn.begin()
        except Overloaded as refusal:
            await self._refuse(kind, refusal, scope, receive, send)
            return

        async def send_and_end(message: Message) -> None:
            turn.end()
            await send(message)

        try:
            await self._app(scope, receive, send_and_end)
        finally:
            turn.end()

    async def _refuse(
        self, kind: str, refusal: Overloaded, scope: Scope, receive: Receive, send: Send
    ) -> None:
        scope["state"]["refused"] = True
        self._metrics.refused.labels(kind, refusal.code).inc()
        self._refused[kind, refusal.code] += 1
        if monotonic() >= self._tell_at:
            for (name, code), count in self._refused.items():
                _log.warning("overloaded", kind=name, code=code, refused=count)
            self._refused.clear()
            self._tell_at = monotonic() + _TOLD_EVERY
        answer = problems.respond(problems.of_error(refusal, scope["state"]["request_id"]))
        await answer(scope, receive, send)


def kind_of(method: str, path: str) -> str:
    """Return the name of the kind of a request.

    >>> kind_of("POST", "/v1/events"), kind_of("GET", "/v1/users/ann"), kind_of("PUT", "/v1/x")
    ('events', 'reads', 'writes')
    """
    request = f"{method} {path}"
    return next(name for pattern, name in _KINDS if pattern.fullmatch(request))


def caller_of(scope: Scope) -> Hashable | None:
    """Return who asks, before anybody knows whether the key is good; None without a key.

    By the digest of the whole key: nobody can take the places of somebody else without it.
    """
    for name, value in scope["headers"]:
        if name == b"authorization":
            return hashlib.sha256(value).digest()
    return None
