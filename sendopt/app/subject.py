"""What every subject of the application is: use cases over the open stores, for one principal.

A subject is named by the noun that it is about: `app.for_(principal).campaigns`. Each of its
public methods says with `needs` what its principal must be allowed to do, so that no route,
command or notebook can reach one past that question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from sendopt.app.stores import Stores
from sendopt.records import (
    AuditRecord,
    OperatorPermission,
    OperatorPrincipal,
    Permission,
    Principal,
)
from sendopt.state import FleetWrite, TenantRead, TenantWrite, audit_trail

if TYPE_CHECKING:
    from sendopt.ingest import ImportReport

AUDIT_ID_BYTES = 16

Who = TypeVar("Who", bound=Principal | OperatorPrincipal)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Bound = TypeVar("Bound", bound="_Bound[Any]")


class _Bound(Generic[Who]):
    """Use cases that are bound to who asks for them.

    Args:
        stores: of the whole process.
        principal: who asks.
    """

    def __init__(self, stores: Stores, principal: Who) -> None:
        self._stores = stores
        self._principal: Who = principal

    def _now(self) -> datetime:
        return self._stores.clock.now()

    def _record(
        self,
        action: str,
        target: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> AuditRecord:
        """Return that the principal makes a change; see `AuditRecord`."""
        who = self._principal
        return AuditRecord(
            audit_id=self._stores.random_bytes(AUDIT_ID_BYTES).hex(),
            at=self._now(),
            actor=who.actor,
            role=who.role,
            origin=who.origin,
            action=action,
            target=target,
            before=before,
            after=after,
        )


class Subject(_Bound[Principal]):
    """The use cases of one subject within a tenant."""

    def __init__(self, stores: Stores, principal: Principal) -> None:
        super().__init__(stores, principal)
        self._tenant_id = principal.tenant_id

    def _read(self) -> AbstractContextManager[TenantRead]:
        return self._stores.state.read(self._tenant_id)

    def _write(self) -> AbstractContextManager[TenantWrite]:
        return self._stores.state.write(self._tenant_id)

    def _audit(
        self,
        tx: TenantWrite,
        action: str,
        target: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep that the principal made the change that `tx` makes; see `AuditRecord`."""
        audit_trail.add(tx, self._record(action, target, before, after))

    def _audit_import(self, action: str, report: ImportReport) -> None:
        """Keep that the principal brought something new by a file, all of which is stored."""
        if not report.accepted:
            return
        name = report.source.encode(errors="replace").decode()  # bytes that are no UTF-8
        told = {"rows": report.rows, "accepted": report.accepted}
        with self._write() as tx:
            self._audit(tx, action, f"file {name}", after=told)


class OperatorSubject(_Bound[OperatorPrincipal]):
    """The use cases of one subject over tenants."""

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
        audit_trail.add_of_operator(tx, self._record(action, target, before, after))


def needs(
    permission: Permission | OperatorPermission,
) -> Callable[
    [Callable[Concatenate[Bound, Given], Answer]], Callable[Concatenate[Bound, Given], Answer]
]:
    """Return what makes a method of a subject refuse whoever lacks `permission`.

    The method then raises, beside what it says, NotPermitted: `permission_missing`.
    """

    def declare(
        method: Callable[Concatenate[Bound, Given], Answer],
    ) -> Callable[Concatenate[Bound, Given], Answer]:
        @wraps(method)
        def permitted(self: Bound, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
            self._principal.require(permission)
            return method(self, *args, **kwargs)

        permitted.permission = permission  # type: ignore[attr-defined]
        return permitted

    return declare


def permission_of(method: object) -> Permission | OperatorPermission | None:
    """Return what a method of a subject needs; None = it does not say."""
    return getattr(method, "permission", None)
