"""Who is in which arm of an experiment, and which messages are kept back.

A user's arm follows from the seed, the tenant and the user: it is the same in every campaign with
the same shares. Whether one message is kept back follows from the send: each message keeps back
other users, so that nobody goes without for long.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sendopt.records import Arm, Campaign, Experiment, MessageClass, SendId, TenantId, UserId
from sendopt.schedule.identity import held_out, uniforms

#: Of each user an Arm; None = no experiment.
Arms = NDArray[np.object_]

#: In which order the arms share out the numbers that are drawn. What is optimised comes last: so
#: the first arm keeps everybody whom it has where its share grows.
_IN_ORDER = (*(arm for arm in Arm if arm is not Arm.OPTIMISED), Arm.OPTIMISED)


def user_arms(
    campaign: Campaign, *, seed: int, tenant_id: TenantId, user_ids: Sequence[UserId]
) -> Arms:
    """Return the arm of each user.

    Args:
        campaign: its experiment, or its holdout.
        seed: of every chance of a home.
        tenant_id: whose users they are.
        user_ids: of the audience.
    """
    experiment = campaign.experiment
    if experiment is None:
        if campaign.holdout is None:
            return _all(None, len(user_ids))
        arms = _all(Arm.OPTIMISED, len(user_ids))
        arms[held_out(campaign.holdout, seed=seed, tenant_id=tenant_id, user_ids=user_ids)] = (
            Arm.HOLDOUT
        )
        return arms
    if experiment.assigned is not None:
        return np.array([*map(experiment.assigned.get, user_ids)], np.object_)
    return _drawn(experiment, uniforms(seed, "arm", [(tenant_id, user) for user in user_ids]))


def kept_back_share(campaign: Campaign, share: float) -> float:
    """Return the chance with which a message of `campaign` is kept back, by a tenant's `share`.

    What is owed to its user is never kept back: only marketing that is not urgent.
    """
    owed = campaign.urgent or campaign.message_class is not MessageClass.MARKETING
    return 0.0 if owed else share


def kept_back(share: float, *, seed: int, send_ids: Sequence[SendId]) -> NDArray[np.bool_]:
    """Tell of each message whether it is kept back; it is sent with the probability 1 - `share`.

    The same in every revision of a campaign. A larger share keeps back what was kept back before,
    and more.
    """
    if share <= 0.0:
        return np.zeros(len(send_ids), np.bool_)
    return uniforms(seed, "no send", [(number,) for number in send_ids]) < share


def _drawn(experiment: Experiment, chance: NDArray[np.float64]) -> Arms:
    """Share the numbers of [0, 1) out among the arms."""
    arms = [arm for arm in _IN_ORDER if arm in experiment.shares]
    # Rounding may leave a sliver below 1: it is the last one's.
    ends = np.cumsum([experiment.shares[arm] for arm in arms[:-1]])
    drawn: Arms = np.array(arms, np.object_)[np.searchsorted(ends, chance, side="right")]
    return drawn


def _all(arm: Arm | None, count: int) -> Arms:
    arms: Arms = np.full(count, arm, np.object_)
    return arms
