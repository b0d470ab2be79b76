"""Tell which parameters of a request nobody would hear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from sendopt.api.keyed_routes import refuses_key
from sendopt.errors import InvalidInput
from sendopt.model_faults import unknown_name


async def unheard_parameters(request: Request) -> list[InvalidInput]:
    """Return a fault for every parameter of the query, and every key, that would go unheard.

    A misspelt one would leave its default in force, one that stands twice would count once, and
    nobody would know. Whoever sends an `Idempotency-Key` counts on it that nothing is made twice.
    """
    route = request.scope["route"]
    known = dict(_query_parameters(route.dependant))
    faults = [*_unheard_key(request, route)]
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


def _unheard_key(request: Request, route: APIRoute) -> Iterator[InvalidInput]:
    if refuses_key(route.path, route.methods or set()) and "idempotency-key" in request.headers:
        yield InvalidInput(
            "is heard in requests of tenants alone",
            code="idempotency_key_unheard",
            field="Idempotency-Key",
            hint="leave it out; after a lost answer look at what there is before you repeat",
        )


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Yield the name of every parameter of the query, and whether it may stand several times."""
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        several = any(get_origin(each) is list for each in (annotation, *get_args(annotation)))
        yield parameter.alias, several
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)
