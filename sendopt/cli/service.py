"""`sendopt run`, `serve`, `dispatch` and `append`."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import wait
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import typer

import sendopt.api
import sendopt.app
from sendopt.cli.options import Home, open_home_to_serve
from sendopt.cli.stopping import leave, stopped_by_signal, unless_stopped
from sendopt.clock import zone_database
from sendopt.liveness import in_background

if TYPE_CHECKING:
    from sendopt.app import App
    from sendopt.app.supervision import Part, Supervisor

_CLOSING_SECONDS = 5.0


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    for command in (run, serve, dispatch, append):
        commands.command()(command)


def run(home: Home = None) -> None:
    """Run everything in one process.

    API, scheduler, dispatcher, tracker and appender.

    It listens at $SENDOPT_HTTP__HOST and $SENDOPT_HTTP__PORT, where /docs tells of the API.
    Ends at SIGTERM or Ctrl-C after what it has begun; what is acknowledged is on disk.
    """
    _supervise(home, lambda app: _with_api(app, _dispatching(app) + _appending(app)))


def serve(home: Home = None) -> None:
    """Run the API alone.

    The other parts run elsewhere over the same stores.
    """
    _supervise(home, lambda app: _with_api(app, []))


def dispatch(home: Home = None) -> None:
    """Run a dispatcher; any number share the work."""
    _supervise(home, _dispatching)


def append(home: Home = None) -> None:
    """Copy events to the log and meter them.

    One process at a time holds the right to append; a second one waits for it.
    """
    _supervise(home, _appending)


def _supervise(home: Path | None, choose_parts: Callable[[App], list[Part]]) -> None:
    """Run parts until a signal comes, which may be at any moment, or one of them is lost."""
    stop = stopped_by_signal()
    gc.disable()  # until all is there: looking for garbage was a fifth of the time until then
    try:
        started = unless_stopped(lambda: _start(home, choose_parts, stop), stop)
    finally:
        gc.enable()
    if started is None:
        leave(0)
    app, supervisor = started
    well = supervisor.run()
    if supervisor.all_ended:  # else the log may be at work in a file, whose locks a close lets go
        closing = in_background(lambda: sendopt.app.stopping.stop(app), name="close")
        wait([closing], _CLOSING_SECONDS)
    leave(0 if well else 1)


def _start(
    home: Path | None, choose_parts: Callable[[App], list[Part]], stop: Event
) -> tuple[App, Supervisor]:
    """Open the stores before anything begins: what cannot be opened is explained and ends it.

    A service over a mistyped folder would wait for ever for what goes elsewhere; an empty folder
    that somebody made, such as a new volume, becomes a home.
    """
    import structlog  # noqa: PLC0415 - no help and no usage error waits for it

    app = open_home_to_serve(home)
    app.open_stores()
    structlog.get_logger().info(
        "service_starts", release=sendopt.__version__, zone_database=zone_database()
    )
    # Everything is made, and with it imported, before any part starts: two threads that import at
    # once can see each other's half-made modules.
    parts = choose_parts(app)
    # Half a million objects of libraries live as long as the process: looking through them for
    # garbage would halt every request for a quarter of a second now and then.
    gc.freeze()
    stopping = timedelta(seconds=app.settings.service.stop_seconds)
    return app, sendopt.app.supervision.Supervisor(parts, stop, stopping=stopping)


def _dispatching(app: App) -> list[Part]:
    return sendopt.app.running.dispatching(app)


def _appending(app: App) -> list[Part]:
    return sendopt.app.running.appending(app)


def _with_api(app: App, parts: list[Part]) -> list[Part]:
    """Return `parts` and the API, which tells how all of them are."""
    http = app.settings.http
    _ = app.link_signer  # who has no secrets would answer every click with a refusal
    together = list(parts)
    api = sendopt.api.create_api(app, together)
    app.ready()  # brings in what is imported late, before anybody can ask and would wait for it
    server = sendopt.api.make_server(api, host=http.host, port=http.port)

    def work(part: Part, stop: Event) -> None:
        server.run_until(stop, beat=part.worked)

    patience = sendopt.app.running.patience(app)
    together.append(sendopt.app.supervision.Part("serve", work, patience))
    return together
