"""How a log records answers, where that is not simply when people gave them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

#: Answers stamped so near to their send, before or after it, came at the instant of the send.
INSTANT = timedelta(seconds=2)


class InstantAnswers(StrEnum):
    """Whose the answers at the instant of their send are."""

    PEOPLES = "people's"
    BESIDE = "machines', and people's own answers are recorded as well"
    INSTEAD = "machines', and people's own answers to these sends are not recorded"


@dataclass(frozen=True)
class Recording:
    """How answers are recorded. Found once, at training, and then part of the model."""

    instant: InstantAnswers = InstantAnswers.PEOPLES
    step: timedelta | None = None  # answers' stamps are multiples of it in UTC; None = exact
    rounded_down: bool = False  # given in [stamp, stamp + step); else in (stamp - step, stamp]

    def __str__(self) -> str:
        stamps = "stamped when given"
        if self.step is not None:
            stamps = (
                f"stamped when a step of {self.step} {'begins' if self.rounded_down else 'ends'}"
            )
        return f"answers {stamps}, those at the instant of the send are {self.instant.value}"


#: Every answer is a person's, and stamped when it was given.
AS_IT_WAS = Recording()
