"""What one principal can do, by subject; each is imported when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sendopt.app.stores import Stores
from sendopt.records import Principal

if TYPE_CHECKING:
    from sendopt.app.audit import Audit
    from sendopt.app.campaigns import Campaigns
    from sendopt.app.device_tokens import DeviceTokens
    from sendopt.app.devices import Devices
    from sendopt.app.events import Events
    from sendopt.app.explain import Explanations
    from sendopt.app.keys import Keys
    from sendopt.app.limits import Limits
    from sendopt.app.models import Models
    from sendopt.app.plans import Plans
    from sendopt.app.results import Results
    from sendopt.app.roles import Roles
    from sendopt.app.scores import Scores
    from sendopt.app.sends import Sends
    from sendopt.app.series import SeriesOfCampaigns
    from sendopt.app.statements import Statements
    from sendopt.app.users import Users


class Work:
    """The application as one principal sees it: its tenant alone, and what its role allows.

    Args:
        stores: of the whole process.
        principal: who asks.
    """

    def __init__(self, stores: Stores, principal: Principal) -> None:
        self._stores = stores
        self.principal = principal

    @cached_property
    def events(self) -> Events:
        from sendopt.app.events import Events

        return Events(self._stores, self.principal)

    @cached_property
    def users(self) -> Users:
        from sendopt.app.users import Users

        return Users(self._stores, self.principal)

    @cached_property
    def devices(self) -> Devices:
        from sendopt.app.devices import Devices

        return Devices(self._stores, self.principal)

    @cached_property
    def models(self) -> Models:
        from sendopt.app.models import Models

        return Models(self._stores, self.principal)

    @cached_property
    def scores(self) -> Scores:
        from sendopt.app.scores import Scores

        return Scores(self._stores, self.principal)

    @cached_property
    def explanations(self) -> Explanations:
        from sendopt.app.explain import Explanations

        return Explanations(self._stores, self.principal)

    @cached_property
    def campaigns(self) -> Campaigns:
        from sendopt.app.campaigns import Campaigns

        return Campaigns(self._stores, self.principal)

    @cached_property
    def series(self) -> SeriesOfCampaigns:
        from sendopt.app.series import SeriesOfCampaigns

        return SeriesOfCampaigns(self._stores, self.principal)

    @cached_property
    def limits(self) -> Limits:
        from sendopt.app.limits import Limits

        return Limits(self._stores, self.principal)

    @cached_property
    def plans(self) -> Plans:
        from sendopt.app.plans import Plans

        return Plans(self._stores, self.principal)

    @cached_property
    def sends(self) -> Sends:
        from sendopt.app.sends import Sends

        return Sends(self._stores, self.principal)

    @cached_property
    def results(self) -> Results:
        from sendopt.app.results import Results

        return Results(self._stores, self.principal)

    @cached_property
    def statements(self) -> Statements:
        from sendopt.app.statements import Statements

        return Statements(self._stores, self.principal)

    @cached_property
    def keys(self) -> Keys:
        from sendopt.app.keys import Keys

        return Keys(self._stores, self.principal)

    @cached_property
    def roles(self) -> Roles:
        from sendopt.app.roles import Roles

        return Roles(self._stores, self.principal)

    @cached_property
    def audit(self) -> Audit:
        from sendopt.app.audit import Audit

        return Audit(self._stores, self.principal)

    @cached_property
    def device_tokens(self) -> DeviceTokens:
        from sendopt.app.device_tokens import DeviceTokens

        return DeviceTokens(self._stores, self.principal)
