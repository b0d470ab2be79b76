"""A process that revises a campaign again and again, for the tests to kill.

Its arguments: the state's URL, and of how many users the campaign is. Every revision is for all of
them but a tenth, each time another one, and is due over the next two seconds.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from deliver.campaign_life import a_campaign, a_plan, told

from sendopt.clock import SystemClock
from sendopt.records import CampaignId, Channel, DeviceId, SendId, TenantId, UserId
from sendopt.state import State, revisions
from sendopt.state.tables_campaigns import campaign_revision

TENANT, CAMPAIGN = TenantId("acme"), CampaignId("autumn")
DUE_WITHIN = timedelta(seconds=2)


def main(url: str, count: str) -> None:
    state, clock = State(url), SystemClock()
    while True:
        with state.read(TENANT) as tx:
            revision = tx.scalar(sa.select(sa.func.max(campaign_revision.c.revision))) + 1
        print(revision, flush=True)
        revise(state, revision, int(count), clock.now())


def revise(state: State, revision: int, count: int, now: datetime) -> None:
    users = [number for number in range(count) if number % 10 != revision % 10]
    plan = a_plan(now, users, revision)
    sends = [
        replace(
            send,
            tenant_id=TENANT,
            send_id=SendId(f"s-{CAMPAIGN}-{number}"),
            campaign_id=CAMPAIGN,
            user_id=UserId(f"{CAMPAIGN}-user-{number}"),
            device_id=DeviceId(f"d-{CAMPAIGN}-user-{number}"),
            channel=Channel.WEBHOOK,
            due_at=now + DUE_WITHIN * number / count,
        )
        for number, send in zip(users, plan.sends, strict=True)
    ]
    decisions = [
        replace(decision, send_id=send.send_id, chosen_at=send.due_at)
        for send, decision in zip(sends, plan.decisions, strict=True)
    ]
    campaign = replace(
        a_campaign(now, revision), campaign_id=CAMPAIGN, channel=Channel.WEBHOOK, revision=revision
    )
    given = replace(
        plan,
        tenant_id=TENANT,
        campaign_id=CAMPAIGN,
        sends=tuple(sends),
        decisions=tuple(decisions),
    )
    definition = {**told(revision), "campaign_id": CAMPAIGN}
    with state.write(TENANT) as tx:
        revisions.revise(tx, campaign, definition, given, rules={"version": 1}, now=now)


if __name__ == "__main__":
    main(*sys.argv[1:])
