"""What is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import InvalidInput
from sendopt.features.recording import AS_IT_WAS, INSTANT, InstantAnswers, Recording
from sendopt.records import OUTCOMES, EventType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: How long answers may take: for so long after a send delays are learned.
LONGEST_WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Target:
    """Whether a send is answered by `outcome` in [sent, sent + open_window).

    An answer that is stamped before its send, by `clock_tolerance` at most, came at once: the two
    stamps are of two clocks. One that is stamped longer before it is none. Where `recording` says
    that stamps are rounded, an answer counts as given in time if it can have been.
    """

    open_window: timedelta
    outcome: EventType = EventType.OPEN
    clock_tolerance: timedelta = CLOCK_TOLERANCE
    recording: Recording = AS_IT_WAS

    def __post_init__(self) -> None:
        check_window(self.open_window, field="open_window")
        if self.outcome not in OUTCOMES:
            raise InvalidInput(
                f"{self.outcome.value!r} answers no send",
                field="outcome",
                expected=", ".join(OUTCOMES),
            )
        if self.clock_tolerance < timedelta(0):
            raise InvalidInput(
                "the tolerance is negative",
                field="clock_tolerance",
                expected="a duration, or none",
            )

    def __str__(self) -> str:
        window = self.open_window / timedelta(minutes=1)
        tolerance = self.clock_tolerance.total_seconds()
        words = f"{self.outcome.value} within {window:g} min (clocks {tolerance:g} s apart)"
        return words if self.recording == AS_IT_WAS else f"{words}, {self.recording}"

    @property
    def known_after(self) -> timedelta:
        """How long after a send its outcome is known: a rounded stamp may come a step later."""
        return self.open_window + (self.recording.step or timedelta(0))

    @property
    def params(self) -> dict[str, object]:
        """The target as parameters of the queries."""
        return {**self.answer_params, "window_us": self.open_window // _MICROSECOND}

    @property
    def answer_params(self) -> dict[str, object]:
        """What makes an answer, as parameters of queries that read `send_answer`."""
        recording = self.recording
        # Of a step, the end that is not the stamp does not belong to it.
        slack_us = 0 if recording.step is None else recording.step // _MICROSECOND - 1
        by_machines = recording.instant is not InstantAnswers.PEOPLES
        return {
            "outcome": self.outcome.value,
            "early_us": self.clock_tolerance // _MICROSECOND,
            "earlier_us": 0 if recording.rounded_down else slack_us,
            "later_us": slack_us if recording.rounded_down else 0,
            "instant_us": INSTANT // _MICROSECOND if by_machines else 0,
            "hides": recording.instant is InstantAnswers.INSTEAD,
        }


def check_window(open_window: timedelta, *, field: str) -> None:
    """Refuse a window for answers, given in `field`, that no model can be asked about.

    Raises:
        InvalidInput: `window_too_long`, if it is empty or longer than LONGEST_WINDOW.
    """
    if not timedelta(0) < open_window <= LONGEST_WINDOW:
        raise InvalidInput(
            f"no answer can be predicted within {open_window} of a send",
            code="window_too_long",
            field=field,
            expected=f"more than 0 and at most {LONGEST_WINDOW // timedelta(hours=1)} hours",
        )


def microseconds(at: datetime) -> int:
    """Return whole microseconds since 1970-01-01 UTC."""
    return (as_utc(at) - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """Return the instant `us` microseconds after 1970-01-01 UTC."""
    return _EPOCH + us * _MICROSECOND
