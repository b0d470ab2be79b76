"""What sending a message does, from messages of which some were kept back by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.evaluate import excursion
from sendopt.evaluate.excursion import RandomisedRows
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.refusal import Refusal
from sendopt.records import EventType
from sendopt.state.kept_back import DrawnMessage
from sendopt.text import one_of, quoted

#: What a user can do without a message, and with one.
OF_THEMSELVES = (EventType.SESSION, EventType.OPT_OUT)

_KEPT_BACK, _SENT = 0, 1


@dataclass(frozen=True)
class SendingEffect:
    """How much more often something happens within the window where a message was sent."""

    outcome: EventType
    name: str | None  # only events whose attribute `name` it is; None = all
    window_seconds: int
    sent: int  # messages
    kept_back: int
    users: int
    after_sent: float | None  # share of them, whatever the chances were; None = none
    after_kept_back: float | None
    effect: Interval | None  # None = see `refusal`
    refusal: Refusal | None
    label: str = "causal"


def parse_outcome_of_sending(text: str, *, field: str) -> EventType:
    """Read what may follow from a message, and from none, given in `field`.

    Raises:
        InvalidInput: `outcome_needs_a_send`, for what only a message can bring.
    """
    if text not in OF_THEMSELVES:
        raise InvalidInput(
            f"{quoted(text)} cannot happen where nothing was sent: sending would always win",
            code="outcome_needs_a_send",
            field=field,
            expected=one_of([*OF_THEMSELVES]),
            hint="tell a purchase or a visit as a `session` event, with a `name` among its "
            "attributes, and ask for it by that name",
        )
    return EventType(text)


def sending_effect(
    messages: Sequence[DrawnMessage],
    after: NDArray[np.float64],
    before: NDArray[np.float64],
) -> tuple[Interval | None, Refusal | None]:
    """Return the effect of sending on what came `after`, or why nobody can tell it.

    What came `before` is taken out as noise; either is 0 or 1, one a message.
    """
    if not messages:
        return None, Refusal(
            "nothing_kept_back",
            "no message whose window is over was drawn for being kept back",
            "let the tenant's limits name a `no_send_share`, such as 0.05, and wait",
        )
    rows = _rows(messages, after, before)
    sent = float(np.mean([message.send_propensity for message in messages]))
    numerator = np.array([1.0 - sent, sent])
    refusal = excursion.too_few(rows, ["kept back", "sent"]) or excursion.untrue(rows, numerator)
    if refusal is not None:
        return None, refusal
    found = excursion.effects(rows, numerator, np.array([[-1.0, 1.0]]))
    return found.intervals()[0], None


def share(after: NDArray[np.float64], some: NDArray[np.bool_]) -> float | None:
    """Return how many of some messages it came after; None = there is none."""
    return float(after[some].mean()) if some.any() else None


def _rows(
    messages: Sequence[DrawnMessage], after: NDArray[np.float64], before: NDArray[np.float64]
) -> RandomisedRows:
    kept = np.array([message.kept_back for message in messages], np.bool_)
    chance = np.array([message.send_propensity for message in messages])
    _, user = np.unique([message.user_id for message in messages], return_inverse=True)
    return RandomisedRows(
        user.astype(np.intp),
        np.where(kept, _KEPT_BACK, _SENT).astype(np.intp),
        np.where(kept, 1.0 - chance, chance),
        after,
        before[:, np.newaxis],
    )
