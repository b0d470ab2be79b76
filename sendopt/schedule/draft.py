"""A campaign while it is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.records import Arm, Campaign, EndReason, Policy, SendId, TenantId, UserId
from sendopt.schedule.arms import kept_back, kept_back_share, user_arms
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.choices import Choices
from sendopt.schedule.choose import Knowledge, choose
from sendopt.schedule.explore import explore
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.identity import draw_key, send_ids, uniforms
from sendopt.schedule.scored import Scored
from sendopt.schedule.variants import VariantBelief, even_split

NOTHING_LEARNED = PastOutcomes()


@dataclass(frozen=True, eq=False)
class Asked:
    """A campaign that is to be planned, and what its plan rests on.

    Attributes:
        campaign: what to send, the limits, and how to choose.
        members: the audience, each user once, reachable or not.
        forecast: of the candidate times of all who may be reached, on their `shared_grids`. Who
            has no score for any allowed one is sent at the campaign's configured time; who alone
            is missing gets "not_scored" as the reason.
        past_outcomes: by which exploring is limited, and wordings are shared out.
        numbers: of the members' sends; None = each user's only one.
    """

    campaign: Campaign
    members: Sequence[AudienceMember]
    forecast: Forecast
    past_outcomes: PastOutcomes = NOTHING_LEARNED
    numbers: Sequence[SendId] | None = None


@dataclass(eq=False)
class Draft:
    """What is known of a campaign's sends so far, one entry a member in every column.

    Attributes:
        asked: the campaign and its audience.
        send_ids: of each member's message.
        keys: what tells the draws of each from all others.
        belief: of the variants.
        knowing: on which choices rest.
        choices: what was chosen.
        kept_back: whose message is not sent, so that what sending does is measured. It takes no
            room from others, and its time is the one that it would have by itself.
        send_propensity: with which chance each message is not kept back; None = nobody drew that.
        scored: what was said of the slots of all who may be reached, each once.
    """

    asked: Asked
    send_ids: Sequence[SendId]
    keys: list[tuple[str, ...]]
    belief: VariantBelief
    knowing: Knowledge
    choices: Choices
    kept_back: NDArray[np.bool_]
    send_propensity: float | None
    scored: list[Scored]

    def choose(self) -> None:
        """Choose the time of each message that it has by itself."""
        for scored in self.scored:
            choose(self.asked.campaign, scored, self.knowing, self.choices)

    def explore(self) -> None:
        """Draw other times for some."""
        for scored in self.scored:
            explore(self.asked.campaign, scored, self.knowing, self.choices)


def draft_of(asked: Asked, tenant_id: TenantId, *, no_send_share: float = 0.0, seed: int) -> Draft:
    """Return the draft in which nothing is chosen yet.

    Args:
        asked: the campaign.
        tenant_id: whose it is.
        no_send_share: of marketing messages, to be kept back.
        seed: of every chance in the plan.

    Raises:
        InvalidInput: `duplicate_id`.
    """
    campaign, members = asked.campaign, asked.members
    user_ids = [member.user_id for member in members]
    _refuse_repeated(user_ids)
    belief = asked.past_outcomes.belief or even_split(len(campaign.variants))
    numbers = asked.numbers or send_ids(tenant_id, campaign.campaign_id, user_ids)
    keys = [draw_key(number, revision=campaign.revision) for number in numbers]
    explored_counts = asked.past_outcomes.explored_counts
    arms = user_arms(campaign, seed=seed, tenant_id=tenant_id, user_ids=user_ids)
    share = kept_back_share(campaign, no_send_share)
    knowing = Knowledge(
        arms,
        np.array([explored_counts.get(user_id, 0) for user_id in user_ids], np.int64),
        lambda rows: uniforms(seed, "slot", [keys[row] for row in rows.tolist()]),
        asked.forecast.fallback_reason,
        asked.forecast.hours,
        np.array(belief.bonus) if belief.suits_parts_of_day else None,
        np.ones(len(members)),
        np.ones(len(members), np.bool_),
    )
    return Draft(
        asked,
        numbers,
        keys,
        belief,
        knowing,
        _unreachable(members),
        (arms == Arm.NO_SEND) | kept_back(share, seed=seed, send_ids=numbers),
        1.0 - share if share else None,
        [scored.as_kept() for scored in asked.forecast.scored],
    )


def _unreachable(members: Sequence[AudienceMember]) -> Choices:
    """Return the choices of all, made for those who may not be reached."""
    choices = Choices.none(len(members))
    for row, member in enumerate(members):
        if member.suppressed_by is not None or member.device is None:
            choices.policy[row] = Policy.NONE
            choices.suppressed_by[row] = member.suppressed_by or EndReason.NO_DEVICE
    return choices


def _refuse_repeated(user_ids: Sequence[UserId]) -> None:
    user_id, count = next(iter(Counter(user_ids).most_common(1)), ("", 1))
    if count > 1:
        raise InvalidInput(
            f"user {user_id!r} stands in the audience {count} times",
            code="duplicate_id",
            field="people",
            expected="each user once, with the device to reach them on",
        )
