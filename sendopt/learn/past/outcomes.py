"""Refuses a past in which everything ended alike: nothing can be learned or judged by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput


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
