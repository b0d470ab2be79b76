"""MLflow's own pages start with one command, show what was trained, and end with it."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sendopt.app import open_app
from sendopt.settings import Settings


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def fetched(port: int, path: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, path
        return answer.read().decode()


@pytest.mark.slow
def test_the_pages_show_the_runs_of_a_home_and_end_at_a_signal(
    trained_home: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(trained_home, tmp_path / "moved home"))
    tracking_uri = Settings(home=home).tracking_uri
    (run, *_) = MlflowClient(tracking_uri).search_runs(
        [e.experiment_id for e in MlflowClient(tracking_uri).search_experiments()]
    )
    port = free_port()
    command = [sys.executable, "-m", "sendopt", "models", "ui"]
    with subprocess.Popen(
        [*command, "--home", str(home), "--port", str(port), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    ) as program:
        assert program.stdout is not None
        opened = "".join(iter(program.stdout.readline, "}\n")) + "}"
        try:
            assert json.loads(opened) == {"address": f"http://127.0.0.1:{port}"}
            assert "<title>MLflow</title>" in fetched(port, "/")
            shown = json.loads(fetched(port, f"/api/2.0/mlflow/runs/get?run_id={run.info.run_id}"))
            assert shown["run"]["info"]["run_name"] == run.info.run_name
            assert run.info.run_name.startswith("level_shape_trees v")
            card = fetched(port, f"/get-artifact?run_id={run.info.run_id}&path=card.md")
            assert card.startswith("# Model card")
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0, "a process of MLflow's is still there"
    assert [each.name for each in tmp_path.iterdir()] == ["moved home"], (
        "files were left where the command was started"
    )


def test_a_port_that_is_taken_and_a_home_that_is_none_are_explained(
    ended, home: Path, tmp_path: Path
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        status, _, said = ended("models", "ui", "--port", str(taken))
    assert status == 2
    assert "port_taken: --port" in said
    status, _, said = ended("models", "ui", "--home", str(tmp_path / "nowhere"))
    assert (status, "home_unknown" in said) == (2, True)


def test_a_registry_on_a_server_has_its_pages_there(home: Path) -> None:
    settings = Settings(home=home, registry={"tracking_uri": "http://mlflow.example:5000"})
    told: list[str] = []
    with closing(open_app(settings)) as app:
        app.operator.serve_model_pages(port=5000, stop=threading.Event(), opened=told.append)
    assert told == ["http://mlflow.example:5000"]
