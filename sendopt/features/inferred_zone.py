"""Where a user may live, by the hours at which they are active: for quiet hours, nothing else.

People sleep. The hours of the day at which somebody is active, in UTC, follow one of a few
common rhythms, turned by the offset of where they live:

    log P(o) = log sum_c pi_c (prod_h q_c(h + o)^n_h)^t + log prior(o) + constant

with n_h the hours of presence at UTC hour h, q_c the share of presence at a local hour on rhythm c,
pi_c how common that rhythm is, and prior(o) how many users of the tenant are known to live there.
One person's hours resemble each other more than independent draws would: as if they were drawn
from a rhythm of their own around the common one, which counts n of them like n t, with
t = (1 + a) / (n + a). Without it the offset would be claimed far too surely.

The answer is a set of offsets that holds nearly all the probability. It is no zone to place a
message by: somebody who works at night looks like somebody who lives elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.clock import zone_of
from sendopt.features.queries import statement
from sendopt.log import Reader

#: Hours east of UTC, in the order of every array over offsets. Half hours are rounded to these.
OFFSETS = np.arange(-11, 13)

#: The offsets that are kept quiet hold so much of the probability.
LEAST_CONFIDENCE = 0.9
#: A wider set would be no knowledge: with ten quiet hours it left little of the day.
MOST_OFFSETS = 6

_HOURS = np.arange(24)
_PRESENCE_MEMORY = timedelta(days=90)  # beyond it people move, and clocks change
_SAMPLE = 5_000  # users of known zone that the rhythms are learned from
_LEAST_KNOWN = 200  # below so many, the common rhythms stand
_EM_STEPS = 30
_USERS_AT_ONCE = 20_000  # bounds the joint probabilities to some 30 MB
_LIKENESSES = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0)


@dataclass(frozen=True)
class DailyRhythms:
    """The common rhythms: shares of presence by local hour, and how common each is."""

    share: NDArray[np.float64]  # (rhythms, 24), rows sum to 1
    weight: NDArray[np.float64]  # (rhythms,), sums to 1
    likeness: float = 6.0  # a: hours of presence beyond which more of them say little more


@dataclass(frozen=True, slots=True)
class InferredZone:
    """The offsets at which a user may live, and the probability that they live at one of them."""

    offsets: tuple[int, ...]  # minutes east of UTC, ascending
    confidence: float


def common_rhythms() -> DailyRhythms:
    """Return four rhythms of people who sleep at night: early, ordinary, late, and by night.

    A day's presence is low for eight hours of sleep and otherwise even, with a rise towards the
    evening; the rhythms differ in when they sleep.
    """
    asleep_from = np.array([22.0, 23.5, 1.0, 4.0])
    hours_since = (_HOURS + 0.5 - asleep_from[:, np.newaxis]) % 24.0
    awake = 1.0 / (1.0 + np.exp(-2.0 * (np.minimum(hours_since - 7.5, 24.0 - hours_since))))
    rise = 1.0 + 0.5 * (hours_since - 7.5) / 16.5
    share = 0.03 + awake * np.maximum(rise, 0.0)
    return DailyRhythms(share / share.sum(axis=1, keepdims=True), np.array([0.2, 0.45, 0.25, 0.1]))


def learn_rhythms(local_presence: NDArray[np.float64]) -> DailyRhythms:
    """Return the rhythms of users whose local hours are known, by EM from the common ones.

    Their likeness is the one that finds these users where they are: at no offset from local time.

    Args:
        local_presence: hours of presence by user and local hour, (users, 24).
    """
    rhythms = common_rhythms()
    present = local_presence[local_presence.sum(axis=1) > 0.0]
    for _ in range(_EM_STEPS):
        joint = (
            np.log(rhythms.weight) + _tempered(present, rhythms.likeness) @ np.log(rhythms.share).T
        )
        belongs = np.exp(joint - joint.max(axis=1, keepdims=True))
        belongs /= belongs.sum(axis=1, keepdims=True)
        # Everybody counts alike, however active; a little of the common rhythm keeps it above zero.
        shares = present / present.sum(axis=1, keepdims=True)
        share = belongs.T @ shares + 5.0 * common_rhythms().share
        weight = belongs.sum(axis=0) + 1.0
        rhythms = DailyRhythms(
            share / share.sum(axis=1, keepdims=True), weight / weight.sum(), rhythms.likeness
        )
    evenly = np.full(24, 1.0 / 24.0)
    here = int(np.flatnonzero(OFFSETS == 0)[0])
    trials = [replace(rhythms, likeness=likeness) for likeness in _LIKENESSES]
    return max(
        trials, key=lambda trial: float(np.log(posterior(present, trial, evenly)[:, here]).sum())
    )


def posterior(
    presence: NDArray[np.float64], rhythms: DailyRhythms, prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of each of `OFFSETS` for each user, (users, 24).

    Args:
        presence: hours of presence by user and UTC hour, (users, 24).
        rhythms: the rhythms that people may live by.
        prior: the probability of each of `OFFSETS` of somebody of whom nothing is known.
    """
    local = (_HOURS + OFFSETS[:, np.newaxis]) % 24  # (offsets, UTC hours)
    log_share = np.log(rhythms.share[:, local])  # (rhythms, offsets, UTC hours)
    joint = np.einsum("uh,coh->uco", _tempered(presence, rhythms.likeness), log_share)
    joint += np.log(rhythms.weight)[:, np.newaxis] + np.log(prior)
    mass = np.exp(joint - joint.max(axis=(1, 2), keepdims=True)).sum(axis=1)
    chances: NDArray[np.float64] = mass / mass.sum(axis=1, keepdims=True)
    return chances


def narrow(chances: NDArray[np.float64]) -> list[InferredZone | None]:
    """Return for each user the fewest offsets that hold `LEAST_CONFIDENCE`; None if too many do.

    Args:
        chances: of each of `OFFSETS`, (users, 24).
    """
    order = np.argsort(-chances, axis=1, kind="stable")
    held = np.cumsum(np.take_along_axis(chances, order, axis=1), axis=1)
    count = (held < LEAST_CONFIDENCE).sum(axis=1) + 1
    zones: list[InferredZone | None] = [None] * len(chances)
    for user in np.flatnonzero(count <= MOST_OFFSETS):
        offsets = np.sort(OFFSETS[order[user, : count[user]]]) * 60
        zones[user] = InferredZone(tuple(offsets.tolist()), min(held[user, count[user] - 1], 1.0))
    return zones


def infer_zones(
    reader: Reader, user_ids: Sequence[str], *, as_of: datetime, tenant_zone: str
) -> dict[str, InferredZone]:
    """Return where those of `user_ids` may live of whom that can be told.

    Args:
        reader: the tenant's log; only events with `occurred_at < as_of` are used.
        user_ids: whose zone nothing names.
        as_of: now.
        tenant_zone: where the tenant's users are expected.
    """
    rows = reader.query(
        "presence",
        statement("presence"),
        {"as_of": as_of, "since": as_of - _PRESENCE_MEMORY, "sample": _SAMPLE},
        inputs={"asked": pa.table({"user_id": pa.array(user_ids, pa.string())})},
    )
    encoded = rows["user_id"].combine_chunks().dictionary_encode()
    users, number = encoded.dictionary, encoded.indices.to_numpy()
    presence = np.zeros((len(users), 24))
    presence[number, rows["utc_hour"].to_numpy()] = rows["hours"].to_numpy()
    first = np.unique(number, return_index=True)[1]  # a user's rows say the same of the user
    of_user = rows.select(["timezone", "asked"]).take(pa.array(first))
    rhythms, prior = _from_known(
        presence, of_user["timezone"].to_pylist(), as_of=as_of, tenant_zone=tenant_zone
    )
    zones: dict[str, InferredZone] = {}
    asked = np.flatnonzero(of_user["asked"].to_numpy())
    for some in np.array_split(asked, -(-len(asked) // _USERS_AT_ONCE) or 1):
        inferred = narrow(posterior(presence[some], rhythms, prior))
        names = users.take(pa.array(some)).to_pylist()
        zones |= {name: zone for name, zone in zip(names, inferred, strict=True) if zone}
    return zones


def _from_known(
    presence: NDArray[np.float64],
    zone: Sequence[str | None],
    *,
    as_of: datetime,
    tenant_zone: str,
) -> tuple[DailyRhythms, NDArray[np.float64]]:
    """Return the rhythms and the prior that the users of known zones teach."""
    prior = np.full(24, 1.0)
    prior[offset_index(tenant_zone, as_of)] += 6.0
    known = [user for user, name in enumerate(zone) if name is not None]
    offset = np.array([offset_index(name, as_of) for name in zone if name is not None], np.intp)
    np.add.at(prior, offset, 1.0)
    if len(known) < _LEAST_KNOWN:
        return common_rhythms(), prior / prior.sum()
    shifted = (_HOURS - OFFSETS[offset][:, np.newaxis]) % 24  # the UTC hour of each local hour
    return (
        learn_rhythms(np.take_along_axis(presence[known], shifted, axis=1)),
        prior / prior.sum(),
    )


def offset_index(zone: str, at: datetime) -> int:
    """Return the place in `OFFSETS` of a zone's offset, rounded to hours; +13 and +14 are -11, -10.

    The days differ there, the hours do not.
    """
    offset = at.astimezone(zone_of(zone)).utcoffset() or timedelta(0)
    return (round(offset / timedelta(hours=1)) - int(OFFSETS[0])) % 24


def _tempered(presence: NDArray[np.float64], likeness: float) -> NDArray[np.float64]:
    """Let each user's hours count as the independent ones that would say as much."""
    total = presence.sum(axis=1, keepdims=True)
    tempered: NDArray[np.float64] = presence * (1.0 + likeness) / np.maximum(total + likeness, 1.0)
    return tempered
