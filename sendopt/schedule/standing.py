"""What stands already when campaigns are planned: messages to users, and what falls due when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.frequency import longest_memory, user_limits
from sendopt.records import Campaign, SendingLimits, UserId
from sendopt.schedule.room import Due

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Standing:
    """Messages of class marketing that users have had, or that are planned for them.

    Attributes:
        user_id: one entry a message, in no order.
        at_us: when it was handed over, or else is due; microseconds since 1970.
        message_type: by its number in `message_types`; -1 = none.
        message_types: each once.
        due: how many messages of all classes fall due when.
        served: who has a send of the campaign that is planned, by the campaign's place among those
            planned together. It stays as it is, and stands among the others here.
    """

    user_id: Sequence[UserId] = ()
    at_us: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    message_type: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    message_types: Sequence[str] = ()
    due: Due = field(default_factory=dict)
    served: Mapping[int, frozenset[UserId]] = field(default_factory=dict)

    def by_user(self) -> dict[UserId, Standing]:
        """Return what stands for each user who has anything."""
        rows: dict[UserId, list[int]] = {}
        for row, user_id in enumerate(self.user_id):
            rows.setdefault(user_id, []).append(row)
        return {
            user_id: replace(
                self,
                user_id=[user_id] * len(theirs),
                at_us=self.at_us[theirs],
                message_type=self.message_type[theirs],
            )
            for user_id, theirs in rows.items()
        }

    def with_message(self, user_id: UserId, at: datetime, message_type: str | None) -> Standing:
        """Return what stands once a message is planned for a user."""
        types = list(self.message_types)
        if message_type is not None and message_type not in types:
            types.append(message_type)
        number = -1 if message_type is None else types.index(message_type)
        return replace(
            self,
            user_id=[*self.user_id, user_id],
            at_us=np.append(self.at_us, (at - _EPOCH) // timedelta(microseconds=1)),
            message_type=np.append(self.message_type, np.int32(number)),
            message_types=types,
        )


NOTHING_STANDS = Standing()


@dataclass(frozen=True, eq=False)
class Bounds:
    """A tenant's limits over all campaigns, and what counts against them already."""

    limits: SendingLimits
    standing: Standing


def looks_at_others(limits: SendingLimits) -> bool:
    """Whether anything of what stands already, or is planned beside, matters under these limits."""
    return bool(user_limits(limits) or limits.capacities)


def span_of(campaigns: Sequence[Campaign], limits: SendingLimits) -> tuple[datetime, datetime]:
    """Return from when until when messages matter to campaigns that are planned together."""
    reach = longest_memory(limits)
    return (
        min(campaign.earliest_at for campaign in campaigns) - reach,
        max(campaign.latest_at for campaign in campaigns) + reach,
    )
