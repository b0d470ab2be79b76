"""What runs for as long as the service does: hand over, copy to the log, meter, compact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sendopt.app.app import App
from sendopt.app.supervision import Part, Patience, in_turns

#: How often the outbox is copied to the log and facts are metered, when there are any.
COPY_EVERY = timedelta(seconds=1)
METER_EVERY = timedelta(seconds=10)
#: Small copies make small files; they are merged this often.
COMPACT_EVERY = timedelta(hours=1)
#: Erasures that came in since the last time are one rewriting of the log.
ERASE_EVERY = timedelta(seconds=30)
#: A request is kept for a day; a few minutes more harm nobody.
FORGET_EVERY = timedelta(minutes=5)

#: Dates of series come due hours before anything of them goes out.
RECUR_EVERY = timedelta(seconds=10)

#: To merge the files of a large log, or to plan for a million users, takes long and cannot be
#: looked into.
_LONG_WORK = Patience(late=timedelta(hours=1), hung=timedelta(hours=3))


def dispatching(app: App) -> list[Part]:
    """Return the part that hands over what is due."""
    dispatcher = app.rounds.dispatcher()
    return [Part("dispatch", in_turns(lambda _beat: dispatcher.turn()), patience(app))]


def appending(app: App) -> list[Part]:
    """Return the parts that copy to the log, compact it, meter, forget, erase, and commit series.

    Whoever holds the log for an import goes first: what waits here is safe in the state.
    """
    return [
        Part("append", in_turns(_copying(app)), patience(app)),
        Part("compact", in_turns(_compacting(app)), _LONG_WORK),
        Part("meter", in_turns(_metering(app)), patience(app)),
        Part("forget", in_turns(_forgetting(app)), patience(app)),
        Part("recur", in_turns(_recurring(app)), _LONG_WORK),
        Part("erase", in_turns(_erasing(app)), _LONG_WORK),
    ]


def patience(app: App) -> Patience:
    """Return how long a part may say nothing."""
    service = app.settings.service
    return Patience(
        late=timedelta(seconds=service.late_seconds), hung=timedelta(seconds=service.hung_seconds)
    )


Turn = Callable[[Callable[[], None]], timedelta]


def _copying(app: App) -> Turn:
    unfinished = True  # whoever ran before may have died between the state and the log

    def copy(beat: Callable[[], None]) -> timedelta:
        nonlocal unfinished
        if unfinished or app.rounds.waits_for_log():
            unfinished = True  # also if this copy fails
            app.rounds.copy_to_log(progress=beat)
            unfinished = False
        return COPY_EVERY

    return copy


def _metering(app: App) -> Turn:
    def meter(beat: Callable[[], None]) -> timedelta:
        app.rounds.meter(progress=beat)
        return METER_EVERY

    return meter


def _recurring(app: App) -> Turn:
    def recur(beat: Callable[[], None]) -> timedelta:
        app.rounds.recur(progress=beat)
        return RECUR_EVERY

    return recur


def _erasing(app: App) -> Turn:
    def erase(beat: Callable[[], None]) -> timedelta:
        app.rounds.erase(progress=beat)
        return ERASE_EVERY

    return erase


def _forgetting(app: App) -> Turn:
    def forget(_beat: Callable[[], None]) -> timedelta:
        app.rounds.forget_requests()
        return FORGET_EVERY

    return forget


def _compacting(app: App) -> Turn:
    started = False

    def compact(_beat: Callable[[], None]) -> timedelta:
        nonlocal started
        if started:  # not at once: a service that is started often would do little else
            app.rounds.compact_log()
        started = True
        return COMPACT_EVERY

    return compact
