"""What a reader of a model or a backtest has to know of the log that it was learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil

from sendopt.errors import InvalidInput
from sendopt.features import (
    INSTANT,
    Body,
    DoubtfulChances,
    InstantAnswers,
    LabelledMoments,
    Summary,
    Target,
)
from sendopt.text import quoted

#: Of a log from which something can be learned, and which can judge what was learned.
FEWEST_DAYS = 3

#: A log whose newest event is no older goes on: more days of it come by themselves.
_STILL_GOES_ON_DAYS = 2
_OUTCOMES_MISSING = (
    "too few of its days hold a send with a known outcome or a session: ingest those of at least "
    f"{FEWEST_DAYS} days"
)
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
        *_chances(summary.chances),
    )


def note_on_sample(moments: LabelledMoments) -> tuple[str, ...]:
    """Say of how many moments these are a sample, if they are one."""
    if moments.share >= 1.0:
        return ()
    all_of_them = len(moments) / moments.share
    sentence = (
        f"{len(moments):,} moments stand for about {all_of_them:,.0f}: "
        f"{moments.share:.1%} of all user-days, drawn evenly over the whole time"
    )
    return (sentence,)


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
    hidden = (
        f"{summary.instant_answers:,} answers, {share:.0%} of sends, came within {_SECONDS} "
        "seconds of their send, far more than soon after: machines gave them"
    )
    if instant is InstantAnswers.BESIDE:
        yield f"{hidden}; they are left out, and people's later answers to these sends count"
        return
    yield (
        f"{hidden}, and hide what people did; these {summary.unknown_sends:,} sends are left out, "
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


def _chances(chances: DoubtfulChances) -> Iterator[str]:
    if chances.summed is not None:
        user, send, total = chances.summed
        yield (
            f"the propensities of {chances.summed_sends:,} sends that are told of at several times "
            f"add up to more than 1, such as {total:.3g} of send {quoted(send)} of user "
            f"{quoted(user)}: each is the chance of one time, all of a send's at most 1; the first "
            "of each counts"
        )
    if chances.certain and chances.certain == chances.logged and chances.moved_user is not None:
        yield (
            f"all {chances.logged:,} logged propensities are exactly 1, as if no other time could "
            f"have come out, and yet {chances.moved_users:,} users were sent to at different "
            f"hours, such as {quoted(chances.moved_user)}: if times were drawn, log the chance of "
            "each"
        )


def _zones(summary: Summary) -> Iterator[str]:
    if summary.placed_users < _MOSTLY * summary.users:
        yield (
            f"the time zone of {summary.placed_users:,} of {summary.users:,} users "
            f"({summary.placed_users / summary.users:.0%}) is known: the hours of all others are "
            "those of UTC; give `timezone` with their events"
        )


def too_little_history(
    body: Body | None,
    target: Target,
    *,
    until: datetime,
    notes: Sequence[str] = (),
    replayed: bool = False,
) -> InvalidInput:
    """Return why nothing can be learned or judged before `until`, and what to do about it.

    Args:
        body: of the log; None = nothing is there.
        target: what was to be predicted.
        until: only events before it were looked at.
        notes: what is said of the log: the reason is often among them.
        replayed: `until` lies within the log, whose past is played again: none of it is to come.
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
        hint="; ".join((*notes, _what_helps(body, None if replayed else until))),
    )


def _what_helps(body: Body | None, until: datetime | None) -> str:
    """Say how much more of a log it takes, and whether waiting until `until` brought it."""
    if body is None:
        return "ingest events, or give a later `--as-of`"
    days = (body.end - body.begin) / timedelta(days=1)
    silent = None if until is None else (until - body.end) / timedelta(days=1)
    missing = ceil(FEWEST_DAYS - days)
    if silent is None or silent > _STILL_GOES_ON_DAYS:
        before = "" if silent is None else f" {_days(silent)} before,"
        ended = (
            f"the log holds {_days(days)} and ended{before} on {body.end:%Y-%m-%d}: ingest what "
            "happened since, or older events"
        )
        return ended if missing > 0 else f"{ended}; {_OUTCOMES_MISSING}"
    if missing > 0:
        enough = body.begin + timedelta(days=FEWEST_DAYS)
        return (
            f"{missing} more {'day' if missing == 1 else 'days'} of events are missing: ingest "
            f"older ones, or train again from {enough:%Y-%m-%d} on"
        )
    return f"its {_days(days)} are enough, but {_OUTCOMES_MISSING}"


def _days(count: float) -> str:
    return f"{count:.0f} {'day' if round(count) == 1 else 'days'}"
