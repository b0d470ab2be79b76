"""The rules of a campaign as they were resolved when it was accepted, as JSON.

Where a definition is silent the operator's settings decide, and the release's defaults. Both may
change; a campaign that was accepted keeps what it was accepted with, for those who join its
audience later and for every report on it. Wordings, audience, candidate times and experiments are
settled by the definition alone and stand in it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, time, timedelta
from typing import Any

from sendopt.errors import InvalidInput, InvariantBroken
from sendopt.records import (
    Campaign,
    Experiment,
    Exploration,
    Holdout,
    HoldoutTime,
    LocalWindow,
    MessageClass,
    Policy,
)
from sendopt.schedule.campaign import parse_campaign
from sendopt.schedule.planning_defaults import PlanningDefaults

#: Stands in where the rules of a campaign are not known: neither was anybody held out by them.
NOTHING_KNOWN = PlanningDefaults(holdout=None)
#: Of the form below; one that this release does not know is not guessed at.
_VERSION = 2
#: Of before there were classes of messages: each was marketing, and no response had a value.
_WITHOUT_CLASS = 1


def rules_of(campaign: Campaign) -> dict[str, Any]:
    """Return the rules of `campaign`, from which `under_rules` makes them again."""
    return {
        "version": _VERSION,
        "slot_minutes": campaign.slot // timedelta(minutes=1),
        "time_to_live_minutes": campaign.time_to_live // timedelta(minutes=1),
        "fallback_local_time": campaign.fallback_local_time.isoformat(),
        "exploration": asdict(campaign.exploration),
        "holdout": None if campaign.holdout is None else asdict(campaign.holdout),
        "least_confidence": campaign.least_confidence,
        "urgent": campaign.urgent,
        "learn_variants": campaign.learn_variants,
        "message_class": campaign.message_class,
        "response_value": campaign.response_value,
        # As in the definition; for whoever counts messages, and reads none that names its audience.
        "message_type": campaign.message_type,
        # As in the definition; for the hand-over, which asks when it is open where the user is.
        "local_window": _said(campaign.local_window),
    }


def _said(window: LocalWindow | None) -> dict[str, Any] | None:
    if window is None:
        return None
    return {
        "dates": [day.isoformat() for day in window.dates],
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
    }


def under_rules(campaign: Campaign, rules: dict[str, Any]) -> Campaign:
    """Return `campaign`, as its definition is read today, under the rules of its acceptance.

    Raises:
        InvariantBroken: `rules_unknown`, of rules in a form that this release does not know.
    """
    version = rules.get("version")
    if version not in {_WITHOUT_CLASS, _VERSION}:
        raise InvariantBroken(
            "the rules of this campaign were stored by a newer release",
            code="rules_unknown",
            hint="upgrade sendopt",
        )
    exploration, holdout = rules["exploration"], rules["holdout"]
    return replace(
        campaign,
        slot=timedelta(minutes=rules["slot_minutes"]),
        time_to_live=timedelta(minutes=rules["time_to_live_minutes"]),
        fallback_local_time=time.fromisoformat(rules["fallback_local_time"]),
        exploration=Exploration(**(exploration | {"policy": Policy(exploration["policy"])})),
        holdout=(
            None if holdout is None else Holdout(holdout["share"], HoldoutTime(holdout["time"]))
        ),
        least_confidence=rules["least_confidence"],
        urgent=rules["urgent"],
        learn_variants=rules["learn_variants"],
        message_class=(
            MessageClass.MARKETING
            if version == _WITHOUT_CLASS
            else MessageClass(rules["message_class"])
        ),
        response_value=1.0 if version == _WITHOUT_CLASS else rules["response_value"],
    )


def as_accepted(
    definition: Any,
    rules: dict[str, Any] | None,
    *,
    at: datetime,
    defaults: PlanningDefaults = NOTHING_KNOWN,
) -> Campaign:
    """Read the definition of a campaign that is, or was, accepted at `at` under `rules`.

    One that is accepted now has none yet (None), and of a campaign of an earlier release nobody
    knows them any more: where its definition is silent `defaults` stand in, or nothing, so that no
    report rests on a guess.

    Raises:
        InvariantBroken: `rules_unknown`.
    """
    campaign = parse_campaign(definition, now=at, defaults=defaults)
    return campaign if rules is None else under_rules(campaign, rules)


def as_revised(
    definition: Any, before: Campaign, *, at: datetime, defaults: PlanningDefaults
) -> Campaign:
    """Read the definition that follows the revision `before`, and is accepted at `at`.

    What it leaves out is settled anew by `defaults`, but for the holdout: who is held out was
    settled when the first of the campaign went out, and the report on it rests on that.

    Raises:
        InvalidInput: as `parse_campaign`; `holdout_settled`, if it says another holdout;
            `experiment_settled`, if it says another experiment, or none any more;
            `audience_settled`, if it becomes one that is triggered, or ceases to be.
    """
    settled = replace(defaults, holdout=before.holdout)
    campaign = parse_campaign(definition, now=at, defaults=settled)
    if campaign.holdout != before.holdout:
        raise InvalidInput(
            "is another one than that of the revision before",
            code="holdout_settled",
            field="/holdout",
            expected="what was settled when the campaign was committed",
            hint="leave the holdout out of the definition: it stays as it is",
        )
    if not _goes_on(campaign.experiment, before.experiment):
        raise InvalidInput(
            "is another one than that of the revision before",
            code="experiment_settled",
            field="/experiment",
            expected="the arms of the revision before; users may be assigned beside those who were",
            hint="repeat the experiment as it was, or give the changed campaign a new campaign_id",
        )
    if campaign.is_triggered != before.is_triggered:
        raise InvalidInput(
            "sends of a campaign are asked for one by one for ever, or never",
            code="audience_settled",
            field="/audience",
            expected='"triggered"' if before.is_triggered else 'anything but "triggered"',
            hint="give the other one a new campaign_id",
        )
    return replace(campaign, revision=before.revision + 1)


def _goes_on(experiment: Experiment | None, before: Experiment | None) -> bool:
    """Tell whether everybody stays in their arm."""
    if experiment is None or before is None:
        return experiment is before
    if experiment.shares != before.shares:
        return False
    if experiment.assigned is None or before.assigned is None:
        return experiment.assigned is before.assigned
    return before.assigned.items() <= experiment.assigned.items()
