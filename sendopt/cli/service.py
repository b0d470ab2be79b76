"""`sendopt run`, `serve`, `dispatch` and `append`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import typer

import sendopt.api
import sendopt.app
from sendopt.cli.options import Home, open_home_to_serve
from sendopt.cli.stopping import stopped_by_signal

if TYPE_CHECKING:
    from sendopt.app import App


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    for command in (run, serve, dispatch, append):
        commands.command()(command)


def run(home: Home = None) -> None:
    """Run everything in one process.

    API, scheduler, dispatcher, tracker and appender.

    Ends at SIGTERM or Ctrl-C after what it has begun; what is acknowledged is on disk.
    """
    app = _open(home)
    sendopt.app.running.together(app, lambda: _serve(app), stopped_by_signal())


def serve(home: Home = None) -> None:
    """Run the API alone.

    The other parts run elsewhere over the same stores.
    """
    stopped_by_signal()
    _serve(_open(home))


def dispatch(home: Home = None) -> None:
    """Run a dispatcher; any number share the work."""
    sendopt.app.running.dispatch(_open(home), stopped_by_signal())


def append(home: Home = None) -> None:
    """Copy events to the log and meter them.

    One process at a time holds the right to append; a second one waits for it.
    """
    sendopt.app.running.append(_open(home), stopped_by_signal())


def _open(home: Path | None) -> App:
    """Open the stores before anything begins: what cannot be opened is explained and ends it.

    A service over a mistyped folder would wait for ever for what goes elsewhere; an empty folder
    that somebody made, such as a new volume, becomes a home.
    """
    app = open_home_to_serve(home)
    app.open_stores()
    return app


def _serve(app: App) -> None:
    http = app.settings.http
    api = sendopt.api.create_api(app)
    app.ready()  # brings in what is imported late
    # Half a million objects of libraries live as long as the process: looking through them for
    # garbage would halt every request for a quarter of a second now and then.
    gc.freeze()
    sendopt.api.make_server(api, host=http.host, port=http.port).run()
