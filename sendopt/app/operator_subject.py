"""What every subject over tenants is: use cases for one operator, each saying what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sendopt.app.stores import Stores
from sendopt.records import AuditRecord, OperatorPermission, OperatorPrincipal
from sendopt.state import FleetWrite, audit_trail

_AUDIT_ID_BYTES = 16

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Self = TypeVar("Self", bound="OperatorSubject")


class OperatorSubject:
    """The use cases of one subject over tenants.

    Args:
        stores: of the whole process.
        principal: who asks; of no tenant.
    """

    def __init__(self, stores: Stores, principal: OperatorPrincipal) -> None:
        self._stores = stores
        self._principal = principal

    def _audit(
        self,
        tx: FleetWrite,
        action: str,
        target: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep that the operator made the change that `tx` makes; see `AuditRecord`."""
        who = self._principal
        record = AuditRecord(
            audit_id=self._stores.random_bytes(_AUDIT_ID_BYTES).hex(),
            at=self._stores.clock.now(),
            actor=who.actor,
            role=who.role,
            origin=who.origin,
            action=action,
            target=target,
            before=before,
            after=after,
        )
        audit_trail.add_of_operator(tx, record)


def operator_needs(
    permission: OperatorPermission,
) -> Callable[
    [Callable[Concatenate[Self, Given], Answer]], Callable[Concatenate[Self, Given], Answer]
]:
    """Return what makes a method refuse operators who lack `permission`.

    The method then raises, beside what it says, NotPermitted: `permission_missing`.
    """

    def declare(
        method: Callable[Concatenate[Self, Given], Answer],
    ) -> Callable[Concatenate[Self, Given], Answer]:
        @wraps(method)
        def permitted(self: Self, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
            self._principal.require(permission)
            return method(self, *args, **kwargs)

        permitted.permission = permission  # type: ignore[attr-defined]
        return permitted

    return declare
