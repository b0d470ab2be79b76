"""Sends that are asked for: planned for their users alone, and committed.

Of a tenant nothing is read but what is about the users who are asked for. What a model thinks of
their hours comes out of the stored scores. Requests that come at once are answered together: the
state is asked once for all of them, and all are durable with one commit.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from sendopt.app.batching import Batcher
from sendopt.app.past_events import happened_at
from sendopt.app.request_facts import AcceptedCampaigns, RequestFacts, facts_for
from sendopt.app.stored_week import StoredWeek, StoredWeeks
from sendopt.app.user_status import user_status
from sendopt.errors import InvalidInput, SendoptError, together
from sendopt.log import Log
from sendopt.records import (
    Campaign,
    PlannedSend,
    SendId,
    SendRequest,
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
from sendopt.state import State, TenantWrite, campaigns, erased, send_requests
from sendopt.state.send_requests import NewSend, RequestedSend

#: What the log knows of a user, a row of `user_status`.
_Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """A send that was asked for, as it is stored."""

    send: PlannedSend
    repeated: bool  # it was asked for before; what is shown is what has come of it


#: Of one request: its send, or why there is none.
Answer = RequestAnswer | SendoptError
#: One request, and when it came.
_Request = tuple[Any, datetime]


class Triggering:
    """Plans and commits sends that are asked for, by any number of threads.

    Args:
        state: where they are kept.
        log: asked for events that requests name, and for zones that nothing else names.
        weeks: what models think of users.
        seed: of every chance.
    """

    def __init__(self, state: State, log: Log, weeks: StoredWeeks, seed: int) -> None:
        self._state, self._log, self._weeks, self._seed = state, log, weeks, seed
        self._accepted = AcceptedCampaigns()
        #: By who asks. One that nobody asks any more is forgotten.
        self._batchers = WeakValueDictionary[tuple[TenantId, str], Batcher[_Request, Answer]]()
        self._finding = threading.Lock()

    def ask(self, body: Any, tenant_id: TenantId, *, asked_by: str, now: datetime) -> Answer:
        """Plan and commit a send, together with whatever the same caller asks for meanwhile."""
        with self._finding:
            batcher = self._batchers.get((tenant_id, asked_by))
            if batcher is None:
                batcher = Batcher[_Request, Answer](
                    lambda some: self.ask_all(
                        [each for each, _ in some],
                        tenant_id,
                        asked_by=asked_by,
                        now=max(at for _, at in some),
                    )
                )
                self._batchers[tenant_id, asked_by] = batcher
        return batcher.ask((body, now))

    def ask_all(
        self, bodies: Sequence[Any], tenant_id: TenantId, *, asked_by: str, now: datetime
    ) -> list[Answer]:
        """Plan and commit a send for each of `bodies`, and return of each what came of it.

        Each is planned as if those before it stood already. All that can be planned is committed
        in one transaction, and durable when this returns.
        """
        answers: dict[int, Answer] = {}
        asked: dict[int, AskedSend] = {}
        named = set[SendId]()
        again: list[int] = []  # of two requests for one send the later is told what came of it
        for place, body in enumerate(bodies):
            try:
                read = read_asked(body, tenant_id)
            except InvalidInput as fault:
                answers[place] = fault
                continue
            if read.send_id in named:
                again.append(place)
            else:
                named.add(read.send_id)
                asked[place] = read
        if asked:
            answers |= self._ask(asked, tenant_id, asked_by=asked_by, now=now)
        if again:
            later = self.ask_all(
                [bodies[place] for place in again], tenant_id, asked_by=asked_by, now=now
            )
            answers |= dict(zip(again, later, strict=True))
        return [answers[place] for place in range(len(bodies))]

    def _ask(
        self, asked: Mapping[int, AskedSend], tenant_id: TenantId, *, asked_by: str, now: datetime
    ) -> dict[int, Answer]:
        """As `ask_all`, of requests for one send each, by their places."""
        with self._state.read(tenant_id) as tx:
            known = send_requests.known(tx, [each.send_id for each in asked.values()])
            fresh = {place: each for place, each in asked.items() if each.send_id not in known}
            requests = [each.request for each in fresh.values()]
            facts = facts_for(tx, requests, self._accepted, now=now)
        answers = {
            place: _repeated(each, known[each.send_id])
            for place, each in asked.items()
            if each.send_id in known
        }
        weeks = {
            user_id: self._weeks.of(tenant_id, user_id)
            for user_id in {request.user_id for request in requests}
        }
        statuses = self._statuses(requests, facts, weeks, tenant_id, now=now)
        planned: dict[int, NewSend] = {}
        for place, each in fresh.items():
            user_id = each.request.user_id
            try:
                planned[place] = self._plan(
                    each, facts, statuses.get(user_id), weeks[user_id], now=now
                )
            except SendoptError as refusal:
                answers[place] = refusal
        if planned:
            with self._state.write(tenant_id) as tx:
                answers |= _commit(tx, asked, planned, asked_by=asked_by, now=now)
        return answers

    def _statuses(
        self,
        requests: Collection[SendRequest],
        facts: RequestFacts,
        weeks: Mapping[UserId, StoredWeek],
        tenant_id: TenantId,
        *,
        now: datetime,
    ) -> dict[UserId, _Status]:
        """Return what the log knows of users: of most what it knew when they were scored.

        The log itself is read only for those whose zone nothing else names.
        """
        found: dict[UserId, _Status] = {
            user_id: {"timezone": week.zone, "opted_out": False}
            for user_id, week in weeks.items()
            if week.zone is not None
        }
        nowhere = set[UserId]()
        for request in requests:
            campaign = facts.campaigns[request.campaign_id]
            if isinstance(campaign, Campaign) and request.user_id not in facts.erased:
                status = found.get(request.user_id)
                member = facts.users.member(campaign, request.user_id, status=status)
                if member.timezone_source is ZoneSource.TENANT:
                    nowhere.add(request.user_id)
        if nowhere:
            with self._log.reader(tenant_id) as reader:
                for user_id in nowhere:
                    for row in user_status(reader, as_of=now, user_id=user_id).to_pylist():
                        found[user_id] = row
        return found

    def _plan(
        self,
        asked: AskedSend,
        facts: RequestFacts,
        status: _Status | None,
        week: StoredWeek,
        *,
        now: datetime,
    ) -> NewSend:
        """Choose a time for one send, or the reason why its user gets none.

        Raises:
            InvalidInput: all that is wrong with its window; `no_feasible_slot`.
            NotFound: `user_unknown`; and as `RequestFacts.campaign`.
            Conflict: as `RequestFacts.campaign`.
        """
        user_id = asked.request.user_id
        as_a_whole = facts.campaign(asked.request)
        member = facts.member(as_a_whole, user_id, status)
        campaign = self._within_window(asked, as_a_whole, member, now=now)
        (member,) = with_preferences([member], facts.said, campaign)
        send, decision = plan_one(
            asked,
            campaign,
            member,
            week.forecast,
            PastOutcomes({user_id: facts.explored.get(user_id, 0)}),
            bounds=facts.bounds.of(campaign, user_id),
            seed=self._seed,
            now=now,
        )
        facts.add(campaign, send, decision)
        return NewSend(send, decision, asked.body, campaign.revision)

    def _within_window(
        self, asked: AskedSend, campaign: Campaign, member: AudienceMember, *, now: datetime
    ) -> Campaign:
        """Return the campaign as it holds for this send alone.

        Raises:
            InvalidInput: all that is wrong with its window.
        """
        request = asked.request
        happened = {
            moment: at
            for moment in events_named(request)
            if (
                at := happened_at(
                    self._state, self._log, asked.tenant_id, request.user_id, moment, now=now
                )
            )
            is not None
        }
        faults = quiet_hours_hold(request, campaign)
        window = requested_window(
            request, campaign, timezone=member.timezone, happened_at=happened, now=now
        )
        if not isinstance(window, RequestedWindow):
            faults = [*window, *faults]
        if faults or not isinstance(window, RequestedWindow):
            raise together(faults)
        return within_window(campaign, window, request)


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
    others = [each.send.send_id for each in left.values() if each.send.send_id not in fresh]
    stored = send_requests.known(tx, others) if others else {}
    for place, each in left.items():
        before = stored.get(each.send.send_id)
        if before is None:
            answers[place] = RequestAnswer(each.send, repeated=False)
        else:  # it was asked for meanwhile
            answers[place] = _repeated(asked[place], before)
    return answers


def _repeated(asked: AskedSend, before: RequestedSend) -> Answer:
    if before.request != asked.body:
        return send_requests.send_key_taken(asked.request.send_key)
    return RequestAnswer(before.send, repeated=True)
