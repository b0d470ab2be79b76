"""Statements are built in many threads, whatever one of them imports meanwhile."""

from __future__ import annotations

import subprocess
import sys

BESIDE_AN_IMPORT = """
import sys, threading

import sendopt.state
from sendopt.records import SendState
from sendopt.state.tables import planned_send

sys.setswitchinterval(1e-6)
failed, over = [], threading.Event()

def build():
    try:
        while not over.is_set():
            planned_send.c.state == SendState.PLANNED
    except Exception as error:
        failed.append(error)

threads = [threading.Thread(target=build) for _ in range(2)]
for thread in threads:
    thread.start()
import sqlalchemy.orm
over.set()
for thread in threads:
    thread.join()
sys.exit(repr(failed) if failed else 0)
"""


def test_a_statement_can_be_built_while_another_thread_imports_what_mlflow_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_AN_IMPORT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
