"""The one kind of route: its work is done in a thread, and no parameter goes unheard.

Every router is made with `route_class=Route`; a test sees to it that none forgets.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any, get_args, get_origin

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from sendopt.api.threads import threaded
from sendopt.errors import InvalidInput, together
from sendopt.model_faults import unknown_name

Endpoint = Callable[..., Coroutine[Any, Any, Any]]

_UNHEARD = "unheard_parameters"


class Route(APIRoute):
    """Refuses parameters of the query that it does not know, after the caller is known.

    A function that is no coroutine runs by `in_thread`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if options.get("summary") is None:
            options["summary"] = _first_sentence(endpoint)
        super().__init__(path, _hearing_all(threaded(endpoint)), **options)


def _first_sentence(endpoint: Callable[..., Any]) -> str:
    """Return how a function explains itself in short, for lists of routes."""
    paragraph = inspect.cleandoc(endpoint.__doc__ or "").partition("\n\n")[0]
    sentence = " ".join(paragraph.split()).partition(". ")[0]
    return sentence.partition(";")[0].rstrip(".")


async def unheard_parameters(request: Request) -> list[InvalidInput]:
    """Return a fault for every parameter of the query that would go unheard.

    A misspelt one would leave its default in force, one that stands twice would count once, and
    nobody would know.
    """
    known = dict(_query_parameters(request.scope["route"].dependant))
    faults = []
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            faults.append(unknown_name(name, known, code="unknown_parameter", field=name))
        elif count > 1 and not known[name]:
            faults.append(
                InvalidInput(
                    f"stands {count} times",
                    code="repeated_parameter",
                    field=name,
                    expected="each parameter once",
                )
            )
    return faults


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Yield the name of every parameter of the query, and whether it may stand several times."""
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        several = any(get_origin(each) is list for each in (annotation, *get_args(annotation)))
        yield parameter.alias, several
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)


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
