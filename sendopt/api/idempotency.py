"""Let a POST be repeated under an `Idempotency-Key`: carried out once, answered the same again.

After the IETF's draft-ietf-httpapi-idempotency-key-header. The key counts once the caller is known
and the request was read; `state.requests` says what happens under it. A POST without one costs
nothing more than a look at its headers.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from sendopt.api import problems
from sendopt.api.threads import in_thread
from sendopt.app import App
from sendopt.errors import InvalidInput, SendoptError
from sendopt.records import Principal
from sendopt.state.requests import Claim, KeptAnswer

Endpoint = Callable[..., Coroutine[Any, Any, Any]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

#: Of an answer that was given before.
REPLAYED = "Idempotent-Replayed"
#: What every such route can answer because of the key.
CODES = {409: ["request_in_progress"], 422: ["idempotency_key_reused", "invalid"]}

#: What a route answers that refuses one.
UNHEARD = {422: ["idempotency_key_unheard"]}

_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="A name for this request, such as a new UUID. For 24 hours a repetition under "
        f"it gets the answer of success again, with `{REPLAYED}: true`. It is worked out anew if "
        "the first was a refusal or a failure, or took more than 1 MiB, or showed a token; "
        "of a request that issued a key it is refused.",
    ),
]
_ADDED = ("keyed_request", "idempotency_key")


def claim_of(request: Request) -> Claim | None:
    """Return under which claim a request is worked on; None = it came without a key."""
    claim: Claim | None = getattr(request.state, "claim", None)
    return claim


def begun(endpoint: Endpoint) -> Endpoint:
    """Let `endpoint` work on a keyed request only under a claim, or give its first answer."""
    signature = inspect.signature(endpoint, eval_str=True)
    if _ADDED[0] in signature.parameters:  # a route of a router that is included
        return endpoint

    @functools.wraps(endpoint)
    async def call(*arguments: Any, **named: Any) -> Any:
        request, key = (named.pop(name) for name in _ADDED)
        if key is not None:
            _refuse_several(request)
            kept = await _begin(request, key)
            if kept is not None:
                return kept
        return await endpoint(*arguments, **named)

    kinds = (Annotated[Request, Depends(_itself)], _IdempotencyKey)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in zip(_ADDED, kinds, (inspect.Parameter.empty, None), strict=True)
    ]
    parameters = [*signature.parameters.values(), *added]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


def _refuse_several(request: Request) -> None:
    """Refuse a request with several keys, of which one alone would count.

    Raises:
        InvalidInput: `repeated_parameter`.
    """
    count = len(request.headers.getlist("Idempotency-Key"))
    if count > 1:
        raise InvalidInput(
            f"stands {count} times",
            code="repeated_parameter",
            field="Idempotency-Key",
            expected="one key",
            hint="send the header once",
        )


async def _itself(request: Request) -> Request:
    """Return the request for a parameter of its own: the endpoint may take one as well."""
    return request


def ended(handle: Handler, *, shows_secret: bool) -> Handler:
    """Keep what `handle` answers to a keyed request that it carried out.

    What it refused has changed nothing and may be allowed another time, such as the report of a
    send that is being handed over: the repetition is looked at anew.

    A secret is kept nowhere: the repetition is carried out, unless what issued it has noted that.
    """

    async def answer(request: Request) -> Response:
        try:
            response = await handle(request)
        except SendoptError as error:
            if claim_of(request) is None:
                raise
            response = problems.answer(request, error)
        except Exception:
            await _end(request, None)
            raise
        await _end(request, None if shows_secret and response.status_code < 300 else response)
        return response

    return answer


async def _begin(request: Request, key: str) -> Response | None:
    app, principal = _who(request)
    fingerprint = _fingerprint(request, principal)
    found = await in_thread(lambda: app.requests.begin(principal, key, fingerprint))
    if isinstance(found, Claim):
        request.state.claim = found
        return None
    headers = {**dict(found.headers), REPLAYED: "true"}
    return Response(found.body, status_code=found.status, headers=headers)


async def _end(request: Request, response: Response | None) -> None:
    claim = claim_of(request)
    if claim is None:
        return
    app, principal = _who(request)
    if response is None or not 200 <= response.status_code < 300:
        await in_thread(lambda: app.requests.give_up(principal, claim))
        return
    headers = tuple(
        (name, value) for name, value in response.headers.items() if name != "content-length"
    )
    answer = KeptAnswer(response.status_code, headers, bytes(response.body))
    await in_thread(lambda: app.requests.keep(principal, claim, answer))


def _who(request: Request) -> tuple[App, Principal]:
    return request.app.state.facade, request.state.principal


def _fingerprint(request: Request, principal: Principal) -> str:
    """Return the same text for the same request of the same key, and for no other."""
    body = hashlib.sha256(getattr(request.state, "body", b"")).hexdigest()
    parts = [principal.actor, request.method, request.url.path, request.url.query, body]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
