"""Which of a user's messages may be explored with, where several are planned together.

Each user's other messages stay where they were put, and it is looked which times are free beside
them: so what is drawn breaks no limit, and its chance does not depend on any other draw.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sendopt.records import TenantId
from sendopt.schedule.identity import uniforms
from sendopt.schedule.message_table import MessageTable


def take_turns(table: MessageTable, tenant_id: TenantId, *, seed: int) -> None:
    """Give the turn to one message of each user; to each with the same chance."""
    campaigns = sorted(draft.asked.campaign.campaign_id for draft in table.drafts)
    counts = np.diff(table.first)
    drawn = uniforms(seed, "turn", [(tenant_id, user, *campaigns) for user in table.users])
    chosen = table.first[:-1] + (drawn * counts).astype(np.int64)
    is_turn = np.zeros(len(table.user), np.bool_)
    is_turn[chosen[counts > 0]] = True
    for which, draft in enumerate(table.drafts):
        mine = table.draft == which
        turn, given = draft.knowing.turn.copy(), draft.knowing.is_turn.copy()
        turn[table.row[mine]] = 1.0 / counts[table.user[mine]]
        given[table.row[mine]] = is_turn[mine]
        draft.knowing = replace(draft.knowing, turn=turn, is_turn=given)
