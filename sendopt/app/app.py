"""The application: the open stores, and what each who asks can do with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING

from sendopt.app.authentication import Authentication, Speaker
from sendopt.app.state_store import make_home
from sendopt.app.stores import Stores
from sendopt.app.work import Work
from sendopt.clock import Clock, SystemClock
from sendopt.records import (
    COMMAND_LINE,
    DevicePrincipal,
    OperatorPrincipal,
    OperatorRole,
    Origin,
    Principal,
    TenantId,
)
from sendopt.settings import Settings, load_settings
from sendopt.state import tenants

if TYPE_CHECKING:
    from sendopt.app.links import Links
    from sendopt.app.operator import Operator
    from sendopt.app.own_devices import OwnDevices
    from sendopt.app.requests import Requests
    from sendopt.app.rounds import Rounds


def open_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> App:
    """Open the application over `settings` (default: the environment's), creating its home.

    Each store, and what it takes to use it, is opened when it is first needed.

    Raises:
        InvalidInput: `home_unusable`.
    """
    settings = settings or load_settings()
    make_home(settings.home)
    return App(settings, clock or SystemClock(), random_bytes)


class App(Stores):
    """Who may ask for what: a tenant's principals, devices with a signed link, the operator."""

    def authenticate(self, bearer: str) -> Speaker:
        """Return who speaks with this key or token.

        Raises:
            NotAuthorized: whatever is wrong with it.
            Overloaded: it is an issuer's whose keys are not known now.
        """
        return self._authentication.speaker(bearer)

    def renewal_of_keys(self, bearer: str) -> Future[None] | None:
        """Return what to wait for before `authenticate`, which waits for no issuer."""
        return self._authentication.renewal(bearer)

    def for_(self, principal: Principal) -> Work:
        """Return what a principal can do."""
        return Work(self, principal)

    def as_owner_of(self, tenant_id: TenantId, *, actor: str = COMMAND_LINE) -> Work:
        """Return what the tenant's owner can do: whoever may open a home owns what is in it.

        A typing error must not open a second home.

        Args:
            tenant_id: whose owner.
            actor: who that is, for whoever reads later what was done.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            tenants.get(tx)
        return self.for_(Principal.owner(tenant_id, actor, origin=Origin(COMMAND_LINE)))

    @cached_property
    def operator(self) -> Operator:
        """What whoever runs the service can do, over all tenants."""
        return self.as_operator()

    def as_operator(self, *, actor: str = COMMAND_LINE) -> Operator:
        """Return what whoever may open a home can do, over all tenants."""
        origin = Origin(COMMAND_LINE)
        return self.operator_for(OperatorPrincipal.of(actor, OperatorRole.OPERATOR, origin=origin))

    def operator_for(self, principal: OperatorPrincipal) -> Operator:
        """Return what an operator can do."""
        from sendopt.app.operator import Operator

        return Operator(self, principal)

    def for_device(self, principal: DevicePrincipal) -> OwnDevices:
        """Return what a browser can do for its user."""
        from sendopt.app.own_devices import OwnDevices

        return OwnDevices(self, principal)

    @cached_property
    def links(self) -> Links:
        """What holders of a message can do with its signed links."""
        from sendopt.app.links import Links

        return Links(self)

    @cached_property
    def requests(self) -> Requests:
        """What was asked under an Idempotency-Key, by whomever."""
        from sendopt.app.requests import Requests

        return Requests(self)

    @cached_property
    def rounds(self) -> Rounds:
        """What the service does by itself."""
        from sendopt.app.rounds import Rounds

        return Rounds(self)

    @cached_property
    def _authentication(self) -> Authentication:
        return Authentication(self)
