"""Sends that are asked for: each planned for one user alone, and committed.

Of a tenant nothing is read but what is about the users who are asked for. What a model thinks of
their hours comes out of the stored scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sendopt import schedule
from sendopt.app.one_member import member_whatever_it_prefers
from sendopt.app.past_events import happened_at
from sendopt.app.standing import bounds_of_user
from sendopt.app.stored_week import StoredWeeks
from sendopt.app.user_status import user_status
from sendopt.errors import InvalidInput, SendoptError, together
from sendopt.log import Log
from sendopt.records import (
    Campaign,
    CampaignId,
    EndReason,
    PlannedSend,
    Policy,
    Preferences,
    TenantId,
    UserId,
    ZoneSource,
)
from sendopt.schedule import AudienceMember, PastOutcomes
from sendopt.schedule.audience import with_preferences
from sendopt.schedule.one_send import AskedSend, plan_one, read_asked
from sendopt.schedule.refusals import quiet_hours_hold
from sendopt.schedule.requested_window import (
    RequestedWindow,
    events_named,
    requested_window,
    within_window,
)
from sendopt.state import (
    State,
    TenantRead,
    TenantWrite,
    campaigns,
    erased,
    past_outcomes,
    preferences,
    send_requests,
    users,
)
from sendopt.state.send_requests import NewSend, RequestedSend

_BUDGET_PERIOD = timedelta(days=30)
_MOST_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """A send that was asked for, as it is stored."""

    send: PlannedSend
    repeated: bool  # it was asked for before; what is shown is what has come of it


#: Of one request: its send, or why there is none.
Answer = RequestAnswer | SendoptError


@dataclass(frozen=True)
class _About:
    """What the state holds about the user of a request, and of its campaign."""

    campaign: Campaign
    member: AudienceMember  # whatever it prefers
    said: Mapping[UserId, Preferences]
    explored_count: int


class AcceptedCampaigns:
    """Committed campaigns as they were read before: a revision of one never changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[TenantId, CampaignId, int, datetime], Campaign] = {}

    def of(self, tenant_id: TenantId, stored: campaigns.StoredCampaign) -> Campaign:
        """Return the campaign that is stored."""
        key = (tenant_id, stored.campaign_id, stored.revision, stored.changed_at)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            accepted = schedule.as_accepted(stored.definition, stored.rules, at=stored.changed_at)
            found = self._known[key] = replace(accepted, revision=stored.revision)
        return found


@dataclass(frozen=True)
class Triggering:
    """Plans and commits sends that are asked for."""

    state: State
    log: Log
    weeks: StoredWeeks
    seed: int
    accepted: AcceptedCampaigns = field(default_factory=AcceptedCampaigns)

    def ask(
        self, bodies: Sequence[Any], tenant_id: TenantId, *, asked_by: str, now: datetime
    ) -> list[Answer]:
        """Plan and commit a send for each of `bodies`, and return of each what came of it.

        All that can be planned is committed in one transaction, and durable when this returns.
        """
        answers: dict[int, Answer] = {}
        asked: dict[int, AskedSend] = {}
        for place, body in enumerate(bodies):
            try:
                asked[place] = read_asked(body, tenant_id)
            except InvalidInput as fault:
                answers[place] = fault
        with self.state.read(tenant_id) as tx:
            known = send_requests.known(tx, [each.send_id for each in asked.values()])
        planned: dict[int, NewSend] = {}
        for place, each in asked.items():
            if each.send_id in known:
                answers[place] = _repeated(each, known[each.send_id])
                continue
            try:
                planned[place] = self._plan(each, now=now)
            except SendoptError as refusal:
                answers[place] = refusal
        if planned:
            with self.state.write(tenant_id) as tx:
                answers |= _commit(tx, asked, planned, asked_by=asked_by, now=now)
        return [answers[place] for place in range(len(bodies))]

    def _plan(self, asked: AskedSend, *, now: datetime) -> NewSend:
        """Choose a time for one send, or the reason why its user gets none.

        Raises:
            InvalidInput: all that is wrong with its window; `no_feasible_slot`.
            NotFound: `campaign_unknown`, `user_unknown`.
            Conflict: `campaign_cancelled`, `campaign_not_committed`, `campaign_not_triggered`;
                `user_erased`.
        """
        request = asked.request
        week = self.weeks.of(asked.tenant_id, request.user_id)
        about = self._about(asked, zone_in_log=week.zone, now=now)
        if about.member.suppressed_by is EndReason.USER_UNKNOWN:
            raise users.user_unknown()
        campaign = self._within_window(asked, about, now=now)
        (member,) = with_preferences([about.member], about.said, campaign)
        with self.state.read(asked.tenant_id) as tx:
            bounds = bounds_of_user(tx, campaign, request.user_id)
        send, decision = plan_one(
            asked,
            campaign,
            member,
            week.forecast,
            PastOutcomes({request.user_id: about.explored_count}),
            bounds=bounds,
            seed=self.seed,
            now=now,
        )
        return NewSend(send, decision, asked.body, campaign.revision)

    def _about(self, asked: AskedSend, *, zone_in_log: str | None, now: datetime) -> _About:
        """Read what is needed; the log only where nothing else names the user's zone."""
        tenant_id, user_id = asked.tenant_id, asked.request.user_id
        status: dict[str, Any] | None = None
        if zone_in_log is not None:
            status = {"timezone": zone_in_log, "opted_out": False}
        with self.state.read(tenant_id) as tx:
            about = _read(tx, asked, status, self.accepted, now=now)
        if about.member.timezone_source is not ZoneSource.TENANT:
            return about
        with self.log.reader(tenant_id) as reader:
            found = user_status(reader, as_of=now, user_id=user_id).to_pylist()
        if not found:
            return about
        with self.state.read(tenant_id) as tx:
            return _read(tx, asked, found[0], self.accepted, now=now)

    def _within_window(self, asked: AskedSend, about: _About, *, now: datetime) -> Campaign:
        """Return the campaign as it holds for this send alone.

        Raises:
            InvalidInput: all that is wrong with its window.
        """
        request, tenant_id = asked.request, asked.tenant_id
        happened = {
            moment: at
            for moment in events_named(request)
            if (
                at := happened_at(self.state, self.log, tenant_id, request.user_id, moment, now=now)
            )
            is not None
        }
        faults = quiet_hours_hold(request, about.campaign)
        window = requested_window(
            request,
            about.campaign,
            timezone=about.member.timezone,
            happened_at=happened,
            now=now,
        )
        if not isinstance(window, RequestedWindow):
            faults = [*window, *faults]
        if faults or not isinstance(window, RequestedWindow):
            raise together(faults)
        return within_window(about.campaign, window, request)


def _read(
    tx: TenantRead,
    asked: AskedSend,
    status: Mapping[str, Any] | None,
    accepted: AcceptedCampaigns,
    *,
    now: datetime,
) -> _About:
    user_id = asked.request.user_id
    erased.refuse(tx, user_id)
    campaign = _campaign(tx, asked.request.campaign_id, accepted)
    is_explored = campaign.exploration.policy is not Policy.GREEDY and not campaign.urgent
    return _About(
        campaign,
        member_whatever_it_prefers(tx, campaign, user_id, status=status),
        preferences.said_by(tx, [user_id]),
        past_outcomes.explored_count(tx, user_id, since=now - _BUDGET_PERIOD) if is_explored else 0,
    )


def _campaign(tx: TenantRead, campaign_id: CampaignId, accepted: AcceptedCampaigns) -> Campaign:
    """Return a campaign of which sends may be asked for."""
    stored = campaigns.get_campaign(tx, campaign_id)
    refusal = send_requests.why_closed(campaign_id, stored, revision=stored.revision)
    if refusal is not None:
        raise refusal
    campaign = accepted.of(tx.tenant_id, stored)
    if not campaign.is_triggered:
        raise send_requests.not_triggered(campaign_id)
    return campaign


def _commit(
    tx: TenantWrite,
    asked: Mapping[int, AskedSend],
    planned: Mapping[int, NewSend],
    *,
    asked_by: str,
    now: datetime,
) -> dict[int, Answer]:
    """Write what was planned, and return what came of each; much may have happened since."""
    sends = {place: each.send for place, each in planned.items()}
    gone = erased.among(tx, {send.user_id for send in sends.values()})
    lives = campaigns.hold_campaigns(tx, {send.campaign_id for send in sends.values()})
    answers: dict[int, Answer] = {}
    for place, send in sends.items():
        refusal = send_requests.why_closed(
            send.campaign_id, lives.get(send.campaign_id), revision=planned[place].revision
        )
        if send.user_id in gone:
            refusal = erased.user_erased("/user_id")
        if refusal is not None:
            answers[place] = refusal
    left = {place: each for place, each in planned.items() if place not in answers}
    fresh = send_requests.add(tx, [*left.values()], asked_by=asked_by, now=now)
    others = [each.send.send_id for each in left.values() if len(fresh) < len(left)]
    stored = send_requests.known(tx, others) if others else {}
    told = set[str]()  # of two requests for one send in one batch the first is the one that is new
    for place, each in left.items():
        send_id = each.send.send_id
        if send_id in fresh - told:
            told.add(send_id)
            answers[place] = RequestAnswer(each.send, repeated=False)
        else:
            answers[place] = _repeated(asked[place], stored[send_id])
    return answers


def _repeated(asked: AskedSend, before: RequestedSend) -> Answer:
    if before.request != asked.body:
        return send_requests.send_key_taken(asked.request.send_key)
    return RequestAnswer(before.send, repeated=True)
