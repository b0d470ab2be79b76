"""What a service writes while it runs: JSON lines on stderr, and nothing on stdout."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from service.processes import free_port, running, wait_until_ready


def test_a_service_logs_json_lines_on_stderr_alone(tmp_path: Path) -> None:
    port = free_port()
    # The registry is made anew in this home: MLflow has much to say about that.
    environment = {"SENDOPT_HOME": str(tmp_path / "home"), "SENDOPT_HTTP__PORT": str(port)}
    (tmp_path / "home").mkdir()  # a service begins a home in an empty folder, and makes none
    told, logged = tmp_path / "told", tmp_path / "logged"
    with (
        told.open("w") as stdout,
        logged.open("w") as stderr,
        running("run", environment, stdout=stdout, stderr=stderr) as process,
    ):
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"no HTTP at all\r\n\r\n")  # a library complains of this one
            stranger.recv(1024)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert told.read_text() == ""
    lines = [json.loads(line) for line in logged.read_text().splitlines()]
    assert {"api_starts", "request"} <= {line["event"] for line in lines}
    assert any(line.get("logger") == "uvicorn.error" for line in lines)
    for line in lines:
        assert line["level"] in {"info", "warning"}
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)


def test_what_ends_a_thread_is_a_line_without_its_message() -> None:
    """A message can quote a password, and a traceback comes in pieces between others' lines."""
    ended = subprocess.run(
        [sys.executable, "-c", ENDS_THREADS], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    said = {(line["event"], line.get("thread"), line["error"]) for line in lines}
    assert said == {
        ("thread_ended", "loud", "RuntimeError"),
        ("thread_ended", "quiet", "SystemExit"),
        ("error_uncaught", None, "ValueError"),
    }
    assert "hunter2" not in ended.stderr
    assert all(line["level"] == "error" and line["frames"] for line in lines)


ENDS_THREADS = """
import threading
import sendopt.app

def end(error):
    raise error

class Thrown:
    def __del__(self):
        raise ValueError("hunter2")

sendopt.app.configure_logging()
for name, error in ("loud", RuntimeError("hunter2")), ("quiet", SystemExit()):
    thread = threading.Thread(target=end, args=[error], name=name)
    thread.start()
    thread.join()
Thrown()
"""
