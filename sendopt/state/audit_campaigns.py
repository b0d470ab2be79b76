"""Rules between sends and the campaigns that they belong to."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from sendopt.records import SendState
from sendopt.state.campaign_phase import same_campaign
from sendopt.state.same_send import same_send
from sendopt.state.tables import attempt, planned_send
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant

#: What was claimed before a pause is handed over after it, and clocks differ.
_AT_WORK = timedelta(minutes=5) // timedelta(microseconds=1)

Rule = tuple[str, sa.ColumnElement[bool], str]


def rules_of_sends() -> tuple[Rule, ...]:
    """Return each rule with what breaks it, of a row of `planned_send`, and why that is wrong."""
    its_revision = _same_revision(campaign_revision)
    its_words = sa.and_(_same_revision(variant), variant.c.variant_id == planned_send.c.variant_id)
    after_pause = (
        sa.exists()
        .where(same_campaign(planned_send), same_send(attempt))
        .where(_micros(attempt.c.started_at) > _micros(campaign.c.paused_at) + _AT_WORK)
    )
    waits = planned_send.c.state == SendState.PLANNED
    beyond = sa.exists().where(
        same_campaign(planned_send), planned_send.c.revision > campaign.c.revision
    )
    return (
        (
            "send_has_revision",
            ~sa.exists().where(its_revision) | beyond,
            "its campaign has no revision by which it can have been planned",
        ),
        (
            "planned_send_has_words",
            waits & ~sa.exists().where(its_words),
            "its revision has no wording to send",
        ),
        ("not_while_paused", after_pause, "it was handed over while its campaign was paused"),
    )


def lacks_revision() -> sa.ColumnElement[bool]:
    """Return what is wrong with a row of `campaign` whose definition cannot be found."""
    its_own = campaign_revision.c.revision == campaign.c.revision
    return ~sa.exists().where(same_campaign(campaign_revision), its_own)


def is_paused() -> sa.ColumnElement[bool]:
    """Return the condition that the campaign of a row of `planned_send` is paused."""
    return sa.exists().where(same_campaign(planned_send), campaign.c.paused_at.is_not(None))


def _same_revision(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.tenant_id == planned_send.c.tenant_id,
        table.c.campaign_id == planned_send.c.campaign_id,
        table.c.revision == planned_send.c.revision,
    )


def _micros(at: sa.Column[object]) -> sa.ColumnElement[int]:
    return sa.type_coerce(at, sa.BigInteger)
