"""Which routes take an `Idempotency-Key`, and which refuse one."""

from __future__ import annotations

from sendopt.api.auth import OF_DEVICES, OF_OPERATORS

#: Whose requests are no tenant's.
_OTHERS = (OF_OPERATORS, OF_DEVICES)


def takes_key(path: str, methods: set[str]) -> bool:
    """Tell whether a route's requests may be repeated under a key.

    Answers of tenants alone are kept.
    """
    return path.startswith("/v1/") and not path.startswith(_OTHERS) and methods == {"POST"}


def refuses_key(path: str, methods: set[str]) -> bool:
    """Tell whether a route's requests may carry no key, as it would go unheard."""
    return path.startswith(_OTHERS) and methods == {"POST"}
