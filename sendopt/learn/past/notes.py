"""What a reader of a model or a backtest has to know of the log that it was learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil

from sendopt.errors import InvalidInput
from sendopt.features import INSTANT, Body, InstantAnswers, LabelledMoments, Summary, Target

#: Of a log from which something can be learned, and which can judge what was learned.
FEWEST_DAYS = 3

_MOSTLY = 0.9  # of the users, or of the sends
_SECONDS = INSTANT // timedelta(seconds=1)

#: Said where next to nothing is known of people.
MACHINES_ONLY = (
    "this log cannot tell people's answers from machines': learn from clicks or responses instead, "
    "`--outcome click` or `--outcome response`"
)


def notes_on_log(body: Body | None, summary: Summary, target: Target) -> tuple[str, ...]:
    """Say what of a log is not taken as it stands, and what is missing in it."""
    return (
        *_outside(body),
        *_not_as_it_stands(summary, target),
        *_machines(summary, target),
        *_rounded(target),
        *_zones(summary),
    )


def note_on_sample(moments: LabelledMoments) -> tuple[str, ...]:
    """Say of how many moments these are a sample, if they are one."""
    if moments.share >= 1.0:
        return ()
    all_of_them = len(moments) / moments.share
    said = (
        f"{len(moments):,} moments stand for about {all_of_them:,.0f}: "
        f"{moments.share:.1%} of all user-days, drawn evenly over the whole time"
    )
    return (said,)


def _outside(body: Body | None) -> Iterator[str]:
    if body is not None and body.oldest is not None:
        yield (
            f"{body.before:,} events lie long before the log begins on {body.begin:%Y-%m-%d}, the "
            f"oldest on {body.oldest:%Y-%m-%d}: left out, as stamped by a wrong clock"
        )
    if body is not None and body.newest is not None:
        yield (
            f"{body.after:,} events lie long after the log ends on {body.end:%Y-%m-%d}, the "
            f"newest on {body.newest:%Y-%m-%d}: left out, as stamped by a wrong clock"
        )


def _not_as_it_stands(summary: Summary, target: Target) -> Iterator[str]:
    if summary.repeated_sends:
        yield (
            f"{summary.repeated_sends:,} `send` events tell again of a send of the same user and "
            "send_id: each of these sends counts once, when it was first sent"
        )
    if summary.stray_answers:
        yield (
            f"{summary.stray_answers:,} answers belong to no send of their user and are not "
            "counted: an answer has the `user_id` and the `send_id` of its send"
        )
    if summary.early_answers:
        yield (
            f"{summary.early_answers:,} answers were stamped up to {summary.earliest_answer} "
            "before their send: clocks differ, they count as given at once"
        )
    if summary.too_early_answers:
        yield (
            f"{summary.too_early_answers:,} answers were stamped more than "
            f"{target.clock_tolerance} before their send: they are not counted"
        )


def _machines(summary: Summary, target: Target) -> Iterator[str]:
    instant = target.recording.instant
    if instant is InstantAnswers.PEOPLES:
        return
    share = summary.instant_answers / max(summary.sends, 1)
    found = (
        f"{summary.instant_answers:,} answers, {share:.0%} of sends, came within {_SECONDS} "
        "seconds of their send, far more than soon after: machines gave them"
    )
    if instant is InstantAnswers.BESIDE:
        yield f"{found}; they are left out, and people's later answers to these sends count"
        return
    yield (
        f"{found}, and hide what people did; these {summary.unknown_sends:,} sends are left out, "
        "neither answered nor unanswered"
    )
    if share > _MOSTLY:
        yield MACHINES_ONLY


def _rounded(target: Target) -> Iterator[str]:
    step = target.recording.step
    if step is None:
        return
    end = "begins" if target.recording.rounded_down else "ends"
    yield (
        f"answers are stamped when a step of {step} {end}: they count as in time if they can have "
        "been, outcomes are known a step later, and delays shorter than the step are not known"
    )


def _zones(summary: Summary) -> Iterator[str]:
    if summary.placed_users < _MOSTLY * summary.users:
        yield (
            f"the time zone of {summary.placed_users:,} of {summary.users:,} users "
            f"({summary.placed_users / summary.users:.0%}) is known: the hours of all others are "
            "those of UTC; give `timezone` with their events"
        )


def too_little_history(
    body: Body | None, target: Target, *, until: datetime, notes: Sequence[str] = ()
) -> InvalidInput:
    """Return why nothing can be learned or judged before `until`, and what to do about it.

    `notes` are what is said of the log: the reason is often among them.
    """
    there = "the log holds no event before then"
    if body is not None:
        there = f"the log begins on {body.begin:%Y-%m-%d} and ends at {body.end.isoformat()}"
    if target.recording.instant is InstantAnswers.INSTEAD:
        there = f"{there}; {MACHINES_ONLY}"
    return InvalidInput(
        f"there is too little history before {until.isoformat()} to learn from and to judge by: "
        f"{there}",
        code="too_little_history",
        expected=f"answered sends or sessions on at least {FEWEST_DAYS} days",
        hint="; ".join((*notes, _what_helps(body))),
    )


def _what_helps(body: Body | None) -> str:
    """Say how much more of a log it takes."""
    if body is None:
        return "ingest events, or give a later `--as-of`"
    days = (body.end - body.begin) / timedelta(days=1)
    missing = ceil(FEWEST_DAYS - days)
    if missing > 0:
        enough = body.begin + timedelta(days=FEWEST_DAYS)
        return (
            f"{missing} more {'day' if missing == 1 else 'days'} of events are missing: ingest "
            f"older ones, or train again from {enough:%Y-%m-%d} on"
        )
    return (
        f"its {days:.0f} days are enough, but too few of them hold a send with a known outcome or "
        f"a session: ingest those of at least {FEWEST_DAYS} days"
    )
