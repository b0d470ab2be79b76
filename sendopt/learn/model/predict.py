"""Applies a model to any moments of any users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput
from sendopt.features import AsOfView, viewpoints
from sendopt.learn.model.model import ServableModel
from sendopt.records import columns
from sendopt.text import nearest, quoted

_DECISION_COLUMNS = (columns.DECISION_ID, columns.USER_ID, columns.AS_OF, columns.CANDIDATE_AT)
_TOLD_ALONG = (columns.TIMEZONE, columns.PLATFORM, columns.MESSAGE_TYPE)
_INSTANT = pa.timestamp("us", tz="UTC")
_KEPT_AS = {columns.USER_ID: pa.string(), columns.AS_OF: _INSTANT, columns.CANDIDATE_AT: _INSTANT}
_VIEWPOINTS_AT_ONCE = 20_000  # bounds the dense curves to some 200 MB


@dataclass(frozen=True)
class CandidateScores:
    """What a model says of candidate times, one row a candidate."""

    probability: NDArray[np.float64]  # of an answer within the open window
    logit_sd: NDArray[np.float64]  # how unsure the candidate's place among the user's times is


def score_decisions(model: ServableModel, view: AsOfView, decisions: pa.Table) -> CandidateScores:
    """Return what `model` says of every row of `decisions`.

    Raises:
        InvalidInput: if `decisions` break their contract; `wrong_target`.
    """
    check_decisions(decisions)
    decisions = as_kept(decisions)
    context = {name: decisions[name] for name in _TOLD_ALONG if name in decisions.column_names}
    users, number = viewpoints(
        decisions[columns.USER_ID],
        decisions[columns.AS_OF],
        timezone=context.get(columns.TIMEZONE),
        platform=context.get(columns.PLATFORM),
    )
    moments = view.moments(
        users,
        number,
        decisions[columns.CANDIDATE_AT],
        message_type=context.get(columns.MESSAGE_TYPE),
    )
    probability, logit_sd = np.empty(len(decisions)), np.empty(len(decisions))
    for first in range(0, len(users), _VIEWPOINTS_AT_ONCE):
        mine = (number >= first) & (number < first + _VIEWPOINTS_AT_ONCE)
        some = users.slice(first, _VIEWPOINTS_AT_ONCE)
        rows = model.inputs(view, some, moments.chosen(mine, first=first))
        probability[mine], logit_sd[mine] = model.predict(rows), model.logit_sd(rows)
    return CandidateScores(probability, logit_sd)


def check_decisions(decisions: pa.Table) -> None:
    """Check the decisions contract: decision_id, user_id, as_of, candidate_at.

    Whole numbers pass as user ids, as in an import. Optional are timezone, platform and
    message_type, where the asker knows them; they may be null.

    Raises:
        InvalidInput: naming the first column that breaks it.
    """
    for name in _DECISION_COLUMNS:
        if name not in decisions.column_names:
            raise _missing(name, decisions.column_names)
        column = decisions[name]
        if column.null_count:
            row = int(pc.index(pc.is_null(column), value=True).as_py()) + 1
            raise InvalidInput(f"is empty in row {row}", code="missing_field", field=name)
        if name in (columns.AS_OF, columns.CANDIDATE_AT) and (
            not pa.types.is_timestamp(column.type) or column.type.tz is None
        ):
            raise InvalidInput(
                f"has the type {column.type}",
                code="time_invalid",
                field=name,
                expected="timestamps with a zone",
            )
    user_type = decisions[columns.USER_ID].type
    if not _is_text(user_type) and not pa.types.is_integer(user_type):
        raise InvalidInput(
            f"has the type {user_type}",
            code="wrong_type",
            field=columns.USER_ID,
            expected="text, as in the log",
        )
    for name in _TOLD_ALONG:
        if name in decisions.column_names and not _is_text(decisions[name].type):
            raise InvalidInput(
                f"has the type {decisions[name].type}",
                code="wrong_type",
                field=name,
                expected="text, or nothing",
            )
    if columns.TIMEZONE in decisions.column_names:
        zones = pc.unique(decisions[columns.TIMEZONE].cast(pa.string()))
        for zone in zones.drop_null().to_pylist():
            zone_of(zone)


def _missing(name: str, there: Sequence[str]) -> InvalidInput:
    spelled = {each.lower(): each for each in there}
    near = nearest(name, spelled)
    return InvalidInput(
        f"is missing; the columns are {', '.join(map(quoted, there)) or 'none'}",
        code="missing_field",
        field=name,
        expected=", ".join(_DECISION_COLUMNS),
        hint=f"{quoted(spelled[near])}: did you mean {name}? Then call it so" if near else None,
    )


def as_kept(decisions: pa.Table) -> pa.Table:
    """Return `decisions`, who and when in the types of the log; as there, nanoseconds are cut."""
    for name, kind in _KEPT_AS.items():
        options = pc.CastOptions(kind, allow_time_truncate=True)
        place = decisions.column_names.index(name)
        decisions = decisions.set_column(place, name, pc.cast(decisions[name], options=options))
    return decisions


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(is_one(kind) for is_one in (*text, pa.types.is_null))
