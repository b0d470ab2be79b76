"""Best times from the mapped score store, before any framework has touched the request.

The route in `routes/users.py` says the same in its own time. This answers in its place when
everything is at hand: a key that was valid a moment ago, scores that were the champion's a moment
ago, a user that is in them. Whatever is not ordinary, every failure included, goes on to the
route.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache

from starlette.types import ASGIApp, Receive, Scope, Send

from sendopt.api.metrics import Metrics
from sendopt.api.observe import HEADERS, new_request_id
from sendopt.api.paths import decoded
from sendopt.api.remembered import Remembered
from sendopt.app import App
from sendopt.app.authentication import Speaker
from sendopt.app.scores import stored_source
from sendopt.clock import monotonic
from sendopt.errors import StoreFailure
from sendopt.records import Permission, Principal, UserId
from sendopt.score import ScoreStore
from sendopt.score.store import probability_of

#: A key that was revoked, and a champion that was replaced, are noticed within so long.
KEY_SECONDS = 2.0
SCORES_SECONDS = 4.0
SOURCE_HEADER = "Sendopt-Scores"
SOURCE_DESCRIBED = {
    SOURCE_HEADER: {
        "description": "`stored; as_of=...`: read from the scores of the last `sendopt score`; "
        "`live; reason=...`: worked out now, and why.",
        "schema": {"type": "string"},
    }
}

_ROUTE = "/v1/users/{user_id}/best-times"
_PATH = re.compile(r"/v1/users/([^/\x00-\x1f\x7f]{1,256})/best-times")
_TOP = re.compile(rb"(?:top=([0-9]{1,3}))?")
_DEFAULT_TOP, _MOST_TOP = 24, 168
_BEARER = b"Bearer "
_SOURCE = SOURCE_HEADER.lower().encode()
_in_json = json.JSONEncoder(ensure_ascii=False).encode
_BODY = b'{"user_id":%b,"timezone":%b,"slots":[%b],"model_version":%b,"fallback_reason":null}'


class BestTimesFromStore:
    """Stands before the routes and answers what it can.

    What it answers is counted like every request, but not logged one by one: at thousands a second
    the lines would cost more than the answers, and nobody would read them.

    Args:
        app: the routes.
        facade: the application behind them.
        metrics: counts.
    """

    def __init__(self, app: ASGIApp, *, facade: App, metrics: Metrics) -> None:
        self._app = app
        self._facade = facade
        self._metrics = metrics
        self._speakers: Remembered[Speaker] = Remembered(KEY_SECONDS)
        self._scores: Remembered[ScoreStore] = Remembered(SCORES_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = monotonic()
        answer = await self._answer(scope) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        headers, body = answer
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._metrics.observe_request("GET", _ROUTE, 200, monotonic() - started)

    async def _answer(self, scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """Return headers and body, or None if the route has to answer."""
        path = _PATH.fullmatch(scope["path"])
        asked = _TOP.fullmatch(scope["query_string"])
        if path is None or asked is None or scope["method"] != "GET":
            return None
        top = int(asked[1] or _DEFAULT_TOP)
        key = _key(scope)
        if key is None or not 1 <= top <= _MOST_TOP:
            return None
        facade = self._facade
        # Of a key only the digest is kept, as in the state.
        principal = await self._speakers.get(
            hashlib.sha256(key).digest(), lambda: facade.authenticate(key.decode("ascii"))
        )
        if not isinstance(principal, Principal) or not _may(principal, facade):
            return None
        store = await self._scores.get(
            principal.tenant_id,
            lambda: facade.for_(principal).scores.current(),  # noqa: PLW0108 - asked in a worker
        )
        if store is None:
            return None
        user_id = UserId(decoded(path[1]))
        row = _row_of(user_id, store)
        if row is None:
            return None
        body = render(store, user_id, row, top)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (_SOURCE, stored_source(store, row).encode()),
            (b"x-request-id", new_request_id(facade.random_bytes).encode()),
            *HEADERS,
        ]
        return headers, body


def _may(principal: Principal, facade: App) -> bool:
    """Tell whether best times are for a principal that was known a moment ago, and still is."""
    ended = principal.ends_at is not None and principal.ends_at <= facade.clock.now()
    return Permission.SCORES_READ in principal.permissions and not ended


def _row_of(user_id: UserId, store: ScoreStore) -> int | None:
    """Return the user's row; None if there is none, or the store was cut short: the route says."""
    try:
        return store.find(user_id)
    except StoreFailure:
        return None


def render(store: ScoreStore, user_id: UserId, row: int, top: int) -> bytes:
    """Return the JSON that the route would answer, its probabilities to six digits."""
    slot, probability = _texts()
    hours = [slot[word & 0xFF] + probability[word >> 16] for word in store.best(row, top)]
    return _BODY % (
        _in_json(user_id).encode(),
        _in_json(store.zone(row)).encode(),
        b",".join(hours),
        _in_json(store.about.model_version).encode(),
    )


def _key(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value[len(_BEARER) :] if value.startswith(_BEARER) else None
    return None


@cache
def _texts() -> tuple[list[bytes], list[bytes]]:
    """Return every slot and every probability as text: the upper 16 bits of a word name it.

    The 8 bits left out order hours whose logits differ by less than 0.0005; to print them would
    take longer than all the rest.
    """
    slots = [
        b'{"day_of_week":%d,"hour":%d,"open_probability":' % divmod(slot, 24)
        for slot in range(_MOST_TOP)
    ]
    middles = range(0x80_00, 1 << 32, 1 << 16)
    return slots, [f"{probability_of(word):.6g}}}".encode() for word in middles]
