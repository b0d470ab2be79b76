"""The one kind of route: its work is done in a thread, and no parameter goes unheard.

Every router is made with `route_class=Route`; a test sees to it that none forgets.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from fastapi.routing import APIRoute

from sendopt.api import idempotency, problems
from sendopt.api.keyed_routes import refuses_key, takes_key
from sendopt.api.parameters import unheard_parameters
from sendopt.api.threads import threaded
from sendopt.errors import InvalidInput, together

Endpoint = Callable[..., Coroutine[Any, Any, Any]]

_UNHEARD = "unheard_parameters"


class Route(APIRoute):
    """Refuses parameters of the query that it does not know, after the caller is known.

    A function that is no coroutine runs by `in_thread`. A POST may be repeated under a key.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if options.get("summary") is None:
            options["summary"] = _first_sentence(endpoint)
        call = _hearing_all(threaded(endpoint))
        methods = set(options.get("methods") or ())
        if path.startswith("/v1/") and "{" in path and not methods <= {"GET", "HEAD"}:
            options["responses"] = problems.joined(options["responses"], problems.OF_AN_ID)
        if takes_key(path, methods):
            call = idempotency.begun(call)
            options["responses"] = problems.joined(options["responses"], idempotency.CODES)
        if refuses_key(path, methods):
            options["responses"] = problems.joined(options["responses"], idempotency.UNHEARD)
        super().__init__(path, call, **options)

    def get_route_handler(self) -> idempotency.Handler:
        """Return what answers requests."""
        handle = super().get_route_handler()
        if not takes_key(self.path, self.methods or set()):
            return handle
        shows_secret = getattr(self.response_model, "shows_secret", False)
        return idempotency.ended(handle, shows_secret=shows_secret)


def _first_sentence(endpoint: Callable[..., Any]) -> str:
    """Return how a function explains itself in short, for lists of routes."""
    paragraph = inspect.cleandoc(endpoint.__doc__ or "").partition("\n\n")[0]
    sentence = " ".join(paragraph.split()).partition(". ")[0]
    return sentence.partition(";")[0].rstrip(".")


def _hearing_all(endpoint: Endpoint) -> Endpoint:
    """Let `endpoint` be called only where nothing is unheard.

    That is looked at last: whoever may not ask hears so first, and a value that cannot be read
    stands in the same answer, see `problems`.
    """
    signature = inspect.signature(endpoint, eval_str=True)
    if _UNHEARD in signature.parameters:  # a route of a router that is included
        return endpoint

    @functools.wraps(endpoint)
    async def call(*arguments: Any, **named: Any) -> Any:
        if faults := named.pop(_UNHEARD):
            raise together(faults)
        return await endpoint(*arguments, **named)

    unheard = inspect.Parameter(
        _UNHEARD,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[list[InvalidInput], Depends(unheard_parameters)],
    )
    parameters = [*signature.parameters.values(), unheard]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call
