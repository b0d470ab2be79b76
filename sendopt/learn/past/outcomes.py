"""Refuses a past in which nobody answered, or all ended alike: it can teach and judge nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.features import Target
from sendopt.records import OUTCOMES, EventType


def require_outcome(kinds: Mapping[EventType, int], target: Target) -> None:
    """Return if the log holds what is to be predicted, or activity that may stand in for opens.

    Args:
        kinds: how many events the log holds of each kind; a log without any is refused elsewhere.
        target: what is to be predicted.

    Raises:
        InvalidInput: `outcome_absent`; a model would learn that nobody ever answers.
    """
    outcome = target.outcome
    stands_in = outcome is EventType.OPEN and EventType.SESSION in kinds
    if not kinds or outcome in kinds or stands_in:
        return
    there = ", ".join(f"{count:,} `{kind.value}`" for kind, count in sorted(kinds.items()))
    others = [f"`--outcome {each.value}`" for each in OUTCOMES if each in kinds]
    fixes = [f"ingest `{outcome.value}` events that name the `user_id` and `send_id` of their send"]
    if others:
        fixes.insert(0, f"give {' or '.join(others)}, of which the log holds events")
    raise InvalidInput(
        f"the log holds no `{outcome.value}` event, only {there}",
        code="outcome_absent",
        field="outcome",
        expected="an outcome that the log tells of",
        hint="; or ".join(fixes),
    )


def require_both_outcomes(label: NDArray[np.float64], *, does: str, notes: Sequence[str]) -> None:
    """Return if some moments were answered and others not.

    Args:
        label: 0 or 1, of at least one moment.
        does: what the moments are there for, such as `teach`.
        notes: what is said of the log: the reason is often among them.

    Raises:
        InvalidInput: `one_outcome`; a model would say with certainty what it knows nothing of.
    """
    answered = int((label > 0.5).sum())
    if 0 < answered < len(label):
        return
    share = "none" if answered == 0 else "all"
    raise InvalidInput(
        f"{share} of the {len(label):,} moments that {does} was answered",
        code="one_outcome",
        expected="moments that were answered and moments that were not, in each part of the log",
        hint="; ".join(notes)
        or "see that answers name the `user_id` and the `send_id` of their send, and that "
        "`--outcome` and the open window are those of your log",
    )
