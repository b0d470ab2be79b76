"""What runs for as long as the service does: hand over, copy to the log, meter."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

from sendopt.app.app import App
from sendopt.errors import LeaseHeld, StoreFailure

_log = structlog.get_logger()

#: How often the outbox is copied to the log and facts are metered, when there are any.
COPY_EVERY = timedelta(seconds=1)
METER_EVERY = timedelta(seconds=10)
#: Small copies make small files; they are merged this often.
COMPACT_EVERY = timedelta(hours=1)


def dispatch(app: App, stop: threading.Event) -> None:
    """Hand over what is due until `stop` is set."""
    app.dispatcher().run(stop)


def append(app: App, stop: threading.Event) -> None:
    """Copy the outbox to the log and meter until `stop` is set.

    Whoever holds the log for an import goes first: what waits here is safe in the state.
    """
    compact_at = app.clock.now() + COMPACT_EVERY
    meter_at = app.clock.now()
    unfinished = True  # whoever ran before may have died between the state and the log
    while not stop.is_set():
        try:
            if unfinished or app.waits_for_log():
                unfinished = True
                app.copy_to_log()
                unfinished = False
            if app.clock.now() >= meter_at:
                app.meter()
                meter_at = app.clock.now() + METER_EVERY
            if app.clock.now() >= compact_at:
                app.compact_log()
                compact_at = app.clock.now() + COMPACT_EVERY
        except LeaseHeld as held:
            _log.info("append_waits", reason=str(held))
        except StoreFailure as failure:
            # Nothing is lost: the outbox keeps what was not copied, and a second try changes
            # nothing that the first one did.
            _log.warning("append_failed", code=failure.code, statement=failure.statement)
        app.clock.wait(stop, app.clock.now() + COPY_EVERY)


def together(app: App, serve: Callable[[], None], stop: threading.Event) -> None:
    """Run `serve` here and the rest beside it; end all when one ends, and raise what ended it."""
    ended: list[BaseException] = []

    def beside(work: Callable[[App, threading.Event], None]) -> None:
        try:
            work(app, stop)
        except BaseException as error:  # noqa: BLE001 - raised below, in the main thread
            ended.append(error)
        finally:
            stop.set()

    threads = [
        threading.Thread(target=beside, args=(work,), name=work.__name__)
        for work in (dispatch, append)
    ]
    for thread in threads:
        thread.start()
    try:
        serve()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if ended:
        raise ended[0]
