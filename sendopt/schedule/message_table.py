"""Messages of campaigns that are planned together, as the rows of one problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sendopt.records import Arm, Channel, UserId
from sendopt.schedule.draft import Draft
from sendopt.schedule.scored import Scored

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Block:
    """Messages of one campaign to members who share a grid.

    Attributes:
        draft: the campaign's place.
        scored: its place among the draft's.
        group: 0 = those who are optimised; else an arm of an experiment beside them.
        first_cell: where its cells begin: one a member and slot, member by member.
    """

    draft: int
    scored: int
    group: int
    first_cell: int


@dataclass(frozen=True, eq=False)
class MessageTable:
    """One entry a message in every column, in the order of users, then of campaigns.

    Nothing in it depends on people who have no message here.

    Attributes:
        drafts: the campaigns.
        blocks: in the order of campaigns; each is a grid of the problem.
        users: ids of all who have one, ascending.
        user: the place of the message's user among them.
        block: that of the message.
        place: of its member in the block.
        row: of its member in the audience of its campaign.
        first_cell: where the cells of the message begin, one a slot of its grid.
        first: users + 1; where the messages of each user begin.
        cells: how many there are.
    """

    drafts: Sequence[Draft]
    blocks: Sequence[Block]
    users: Sequence[UserId]
    user: NDArray[np.int64]
    block: NDArray[np.int32]
    place: NDArray[np.int64]
    row: NDArray[np.int64]
    first_cell: NDArray[np.int64]
    first: NDArray[np.int64]
    cells: int

    @classmethod
    def of(cls, drafts: Sequence[Draft], has_message: Sequence[NDArray[np.bool_]]) -> MessageTable:
        """Return the table of those who have a message here, and of nobody else.

        Args:
            drafts: the campaigns. Of members whose slots stand together all have one, or none.
            has_message: one entry a member, of each draft.
        """
        parts = [
            (which, index, scored)
            for which, (draft, has) in enumerate(zip(drafts, has_message, strict=True))
            for index, scored in enumerate(draft.scored)
            if has[scored.rows[0]]
        ]
        users_of = [
            [drafts[which].asked.members[row].user_id for row in scored.rows.tolist()]
            for which, _, scored in parts
        ]
        users = sorted(set().union(*users_of))
        number = {user: index for index, user in enumerate(users)}
        blocks: list[Block] = []
        columns, cell = [], 0
        for (which, index, scored), its_users in zip(parts, users_of, strict=True):
            count, slots = len(its_users), len(scored.grid.slots)
            place = np.arange(count)
            columns.append(
                np.array(
                    [
                        [number[user] for user in its_users],
                        np.full(count, len(blocks)),
                        place,
                        scored.rows,
                        cell + place * slots,
                    ],
                    np.int64,
                )
            )
            arm = drafts[which].knowing.arm[scored.rows[0]]
            group = 0 if arm in {None, Arm.OPTIMISED} else [*Arm].index(arm) + 1
            blocks.append(Block(which, index, group, cell))
            cell += count * slots
        found = np.concatenate([np.zeros((5, 0), np.int64), *columns], axis=1)
        # Blocks are in the order of campaigns, and a user has one message of each.
        user, block, place, row, first_cell = found[:, np.lexsort((found[1], found[0]))]
        return cls(
            drafts,
            blocks,
            users,
            user,
            block.astype(np.int32),
            place,
            row,
            first_cell,
            np.searchsorted(user, np.arange(len(users) + 1)),
            cell,
        )

    def scored(self, block: Block) -> Scored:
        return self.drafts[block.draft].scored[block.scored]

    def of_block(self, column: NDArray[Number], block: Block) -> NDArray[Number]:
        """Return those of a column with an entry a cell that are a block's, (members, slots)."""
        scored = self.scored(block)
        shape = len(scored.rows), len(scored.grid.slots)
        return column[block.first_cell : block.first_cell + shape[0] * shape[1]].reshape(shape)

    def channel(self, block: Block) -> Channel:
        return self.drafts[block.draft].asked.campaign.channel

    def shares_of_groups(self, channels: Sequence[Channel]) -> NDArray[np.float64]:
        """Return how the messages of each channel are shared by groups, (channels, groups)."""
        counts = np.zeros((len(channels), len(Arm) + 1))
        for block, count in zip(
            self.blocks, np.bincount(self.block, minlength=len(self.blocks)), strict=True
        ):
            counts[channels.index(self.channel(block)), block.group] += count
        found: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return found

    @cached_property
    def draft(self) -> NDArray[np.int16]:
        """The place of each message's campaign."""
        return np.array([block.draft for block in self.blocks], np.int16)[self.block]
