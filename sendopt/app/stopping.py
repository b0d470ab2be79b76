"""The end of a service: nothing of what it wrote waits in a write-ahead log."""

from __future__ import annotations

import structlog

from sendopt.app.app import App
from sendopt.app.home_files import HomeFiles
from sendopt.errors import StoreFailure
from sendopt.sqlite_file import bring_in_wal

_log = structlog.get_logger()


def stop(app: App) -> None:
    """Let go of all stores. For the end of a process.

    Whoever copies a home of which nothing is at work then copies whole files, if the catalog or the
    state is copied without what stands beside it.
    """
    app.close()
    for file in HomeFiles(app.settings).databases().values():
        if file.exists():
            try:
                bring_in_wal(file)
            except StoreFailure as failure:  # it is whole with its log, and the next start reads it
                _log.warning("checkpoint_failed", code=failure.code)
