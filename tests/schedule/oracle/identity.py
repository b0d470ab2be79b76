"""Ids and chances of one user at a time: the oracle of those of many."""

from __future__ import annotations

import base64
import hashlib
import json

from sendopt.records import Arm, Campaign, CampaignId, Holdout, SendId, TenantId, UserId

_SEND_ID_BYTES = 20  # 160 bits: 32 letters without padding, and no two sends ever alike


def send_id(tenant_id: TenantId, campaign_id: CampaignId, user_id: UserId) -> SendId:
    """Return the only id that this user's message of this campaign can have.

    >>> send_id(TenantId("default"), CampaignId("autumn-sale"), UserId("user-7"))
    's_znonsemr5acblblexpxcud2uhjqvqdip'
    """
    digest = _digest(tenant_id, campaign_id, user_id)[:_SEND_ID_BYTES]
    return SendId("s_" + base64.b32encode(digest).decode().lower())


def uniform(seed: int, purpose: str, *parts: str) -> float:
    """Return a number in [0, 1) that is random in everything given, and always the same.

    The one door of chance into a plan: another `purpose` tells nothing about this one, and who
    does not know `seed` cannot foretell it.
    """
    digest = hashlib.blake2b(json.dumps((purpose, *parts)).encode(), key=seed.to_bytes(8, "big"))
    return int.from_bytes(digest.digest()[:7], "big") / 2**56


def draw_key(number: SendId, *, revision: int) -> tuple[str, ...]:
    """Return what tells the draws of one plan of a send from those of every other.

    A revision draws anew: who is left for it was left by the draws of the one before, so that the
    same numbers again would not be even among them, and no propensity true.
    """
    return (number,) if revision == 1 else (number, f"revision {revision}")


def arm_of(
    holdout: Holdout | None, *, seed: int, tenant_id: TenantId, user_id: UserId
) -> Arm | None:
    """Return the user's side of the experiment: the same in every campaign of the tenant.

    A larger share keeps everybody in the holdout who was there, and adds others.
    """
    if holdout is None:
        return None
    held_out = uniform(seed, "arm", tenant_id, user_id) < holdout.share
    return Arm.HOLDOUT if held_out else Arm.OPTIMISED


def experiment_arm_of(
    campaign: Campaign, *, seed: int, tenant_id: TenantId, user_id: UserId
) -> Arm | None:
    """Return the user's arm of the campaign's experiment, or its side of the holdout."""
    experiment = campaign.experiment
    if experiment is None:
        return arm_of(campaign.holdout, seed=seed, tenant_id=tenant_id, user_id=user_id)
    if experiment.assigned is not None:
        return experiment.assigned.get(user_id)
    left = uniform(seed, "arm", tenant_id, user_id)
    arms = sorted(experiment.shares, key=[*Arm].index)
    for arm in (*[each for each in arms if each is not Arm.OPTIMISED], Arm.OPTIMISED):
        share = experiment.shares.get(arm, 0.0)
        if left < share:
            return arm
        left -= share
    return max(experiment.shares, key=[*Arm].index)


def _digest(*parts: str) -> bytes:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") never meet.
    return hashlib.sha256(json.dumps(parts).encode()).digest()
