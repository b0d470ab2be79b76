"""Chooses times under limits that reach over campaigns.

Apart from what plans without any: the compiled code and the solvers that this takes need a second
and a hundred megabytes to come in.
"""

from __future__ import annotations

from collections.abc import Sequence

from sendopt.records import SendingLimits, TenantId
from sendopt.schedule.assign import assign
from sendopt.schedule.draft import Draft
from sendopt.schedule.due_minutes import lay_out_minutes
from sendopt.schedule.limit_costs import report_of
from sendopt.schedule.limits_report import LimitsReport
from sendopt.schedule.slack import keep_out_of_full_bins
from sendopt.schedule.standing import Standing
from sendopt.schedule.turns import take_turns


def choose_within_limits(
    drafts: Sequence[Draft],
    tenant_id: TenantId,
    limits: SendingLimits,
    standing: Standing,
    *,
    seed: int,
    is_explained: bool,
) -> LimitsReport | None:
    """Write into drafts the time of each message; see `plan_together`.

    Returns:
        What the limits do; None if nobody asked.
    """
    assignment = assign(drafts, limits, standing, is_explained=is_explained)
    if assignment is not None:
        take_turns(assignment.table, tenant_id, seed=seed)
        keep_out_of_full_bins(assignment)
    for draft in drafts:
        draft.explore()
    if assignment is None:
        return None
    lay_out_minutes(assignment)
    return report_of(assignment, limits) if is_explained else None
