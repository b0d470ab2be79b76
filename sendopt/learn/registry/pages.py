"""MLflow's own pages over a registry: every run with its parameters, figures and files.

MLflow serves them from a process of its own, to this machine alone: whoever opens them sees, and
may delete, the models of all tenants.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from sendopt.errors import InvalidInput, SendoptError

HOST = "127.0.0.1"

# MLflow's runners of background jobs are seven processes for language models.
_WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_LOOK_EVERY_SECONDS = 0.1
_END_WITHIN_SECONDS = 10.0


def serve(
    tracking_uri: str,
    artifacts: str,
    *,
    port: int,
    stop: threading.Event,
    opened: Callable[[str], None],
) -> None:
    """Serve the pages until `stop` is set.

    A registry that is an MLflow server has its pages already: then nothing is served.

    Args:
        tracking_uri: MLflow's store, such as `sqlite:///registry.db` or a server's URL.
        artifacts: where models and cards are kept, a folder or a URI.
        port: of this machine, 1 to 65535.
        stop: set by whoever wants the pages to end.
        opened: told the address, once it answers.

    Raises:
        InvalidInput: `port_taken`.
        SendoptError: `pages_missing`, if MLflow is installed without them; `pages_failed`, if
            MLflow's process ends by itself.
    """
    if tracking_uri.startswith(("http://", "https://")):
        opened(tracking_uri)
        return
    _require_pages()
    _require_free(port)
    command = [sys.executable, "-P", "-m", "mlflow", "ui", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1", "--artifacts-destination", artifacts]
    # Not among the arguments, which everybody on this machine can list: it may hold a password.
    with _process(command, {"MLFLOW_BACKEND_STORE_URI": tracking_uri}) as server:
        is_told = False
        while server.poll() is None and not stop.wait(_LOOK_EVERY_SECONDS):
            if not is_told and _answers(port):
                is_told = True
                opened(f"http://{HOST}:{port}")
        if not stop.is_set():
            raise SendoptError(
                f"MLflow's server ended with status {server.returncode}; it says why above",
                code="pages_failed",
            )


@contextmanager
def _process(command: list[str], further: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` and end it, with the processes that it started, when the block is left."""
    server = subprocess.Popen(  # noqa: S603 - our own interpreter and settings
        command,
        env={**os.environ, **_WITHOUT_JOBS, **further},  # noqa: TID251 - handed on, not read
        stdout=subprocess.DEVNULL,  # a line a request
        start_new_session=True,  # so that a signal reaches all its processes, and each once
    )
    try:
        yield server
    finally:
        _signal(server, signal.SIGTERM)
        try:
            server.wait(_END_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            _signal(server, signal.SIGKILL)
            server.wait()


def _signal(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(server.pid, number)
    except ProcessLookupError:
        return  # all of them have ended


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _require_pages() -> None:
    try:
        version("mlflow")
    except PackageNotFoundError as error:
        raise SendoptError(
            "MLflow is installed without its pages",
            code="pages_missing",
            hint="pip install 'sendopt[ui]'",
        ) from error


def _require_free(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise InvalidInput(
                f"port {port} of {HOST} cannot be used: {error.strerror}",
                code="port_taken",
                field="--port",
                expected="a port on which nothing listens",
            ) from error
