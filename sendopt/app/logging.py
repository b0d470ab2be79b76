"""Write what happens as JSON lines on stderr; stdout belongs to answers."""

from __future__ import annotations

import atexit
import io
import logging
import os
import sys
import threading
import traceback
from pathlib import Path

import structlog

from sendopt.app.log_lines import LogLines
from sendopt.masking import masked

_log = structlog.get_logger(__name__)

_FRAMES = 12  # of a crash's stack, the innermost; above them stands only the framework


def configure_logging() -> None:
    """Let everything that is logged, here or in a library, come out as one JSON object a line.

    Each has `event`, `level` and `timestamp` (ISO 8601, UTC). Libraries are heard from warnings
    on; their tracebacks stay out, since messages of errors can quote rows, statements or keys. What
    ends a thread, and what nobody can catch, is a line too: Python would print it in pieces,
    between which the lines of others come.
    """
    structlog.configure(
        processors=[*_STAMPS, _RENDER],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_STAMPS, structlog.stdlib.add_logger_name],
            processors=[_without_traceback, _without_record, _RENDER],
        )
    )
    logging.basicConfig(handlers=[of_libraries], level=logging.WARNING)
    threading.excepthook = _log_end_of_thread
    sys.unraisablehook = _log_uncaught


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    thread = ended.thread.name if ended.thread else None
    error = ended.exc_value or ended.exc_type()
    _log.error("thread_ended", thread=thread, **trace(error))


def _log_uncaught(missed: sys.UnraisableHookArgs) -> None:
    """Log what was raised where Python can tell nobody: as an object is thrown away."""
    error = missed.exc_value or missed.exc_type()
    _log.error("error_uncaught", where=type(missed.object).__name__, **trace(error))


def log_in_background() -> None:
    """Let a thread write all that goes to stderr, from now on: nobody may ever read it."""
    if isinstance(sys.stderr, LogLines):
        return
    if sys.stderr is None:  # it was closed by whoever started this: `2>&-`
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - while the process lives
    try:
        descriptor = sys.stderr.fileno()
    except io.UnsupportedOperation:  # in memory: it is never full
        return
    sys.stderr = LogLines(descriptor, _left_out)
    atexit.register(sys.stderr.close)


def trace(error: BaseException) -> dict[str, object]:
    """Say where `error` arose. Its message stays out: it can quote rows, statements or keys."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "error": type(error).__name__,
        "frames": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _without_secrets(
    _logger: structlog.types.WrappedLogger, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    return {
        name: masked(value) if isinstance(value, str) else value for name, value in event.items()
    }


def _without_traceback(
    _logger: structlog.types.WrappedLogger, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Keep of an exception its type."""
    raised = event.pop("exc_info", None)
    if raised:
        event["error"] = raised[0].__name__
    return event


_without_record = structlog.stdlib.ProcessorFormatter.remove_processors_meta

_STAMPS: tuple[structlog.types.Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _without_secrets,
)
_RENDER = structlog.processors.JSONRenderer()


def _left_out(lines: int) -> str:
    """Return the line that says that so many lines are missing, past whatever logs."""
    event: structlog.types.EventDict = {"event": "log_lines_left_out", "lines": lines}
    for stamp in _STAMPS:
        stamp(None, "warning", event)
    return f"{_RENDER(None, 'warning', event)!s}\n"
