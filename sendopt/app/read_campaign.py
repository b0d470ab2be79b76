"""Reads definitions of campaigns under the rules that hold for each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sendopt import schedule
from sendopt.records import Campaign
from sendopt.state import TenantRead, campaigns


def read_campaign(
    tx: TenantRead, definition: Any, *, now: datetime, defaults: schedule.PlanningDefaults
) -> Campaign:
    """Read a definition; one that was accepted before under the rules of its acceptance.

    Raises:
        InvalidInput: for a definition that cannot be meant.
    """
    stored = campaigns.accepted_as(tx, definition)
    # The window of one that is not committed may be over by now.
    at = now if stored is None or stored.is_draft else stored.changed_at
    rules = None if stored is None else stored.rules
    campaign = schedule.as_accepted(definition, rules, at=at, defaults=defaults)
    return campaign if stored is None else replace(campaign, revision=stored.revision)
