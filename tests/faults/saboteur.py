"""Runs sendopt with somebody inside who kills single threads; takes sendopt's arguments.

Listens at `HOME.saboteur` for a part of a thread's name and an exception, which is then raised in
that thread, whatever it does at that moment. Answers the thread's whole name; None = there is none.
"""

from __future__ import annotations

import ctypes
import os
import threading
from multiprocessing.connection import Client, Listener
from pathlib import Path

import sendopt.cli

_PATIENCE_SECONDS = 10  # with a process that may hang


def _listen(address: Path) -> None:
    address.unlink(missing_ok=True)
    with Listener(str(address)) as listener:
        while True:
            with listener.accept() as visitor:
                visitor.send(_kill(*visitor.recv()))


def _kill(name: str, exception: type[BaseException]) -> str | None:
    thread = next((each for each in threading.enumerate() if name in each.name), None)
    if thread is None or thread.ident is None:
        return None
    ident, raised = ctypes.c_ulong(thread.ident), ctypes.py_object(exception)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, raised)
    return thread.name


def kill_thread(home: Path, name: str, exception: type[BaseException]) -> str | None:
    """Kill a thread of the process over `home`.

    Raises:
        OSError: if nobody is listening there, not yet or not any more; TimeoutError: or answers.
        EOFError: if it ended meanwhile.
    """
    with Client(str(home.with_suffix(".saboteur"))) as saboteur:
        saboteur.send((name, exception))
        if not saboteur.poll(_PATIENCE_SECONDS):
            raise TimeoutError
        named: str | None = saboteur.recv()
        return named


if __name__ == "__main__":
    place = Path(os.environ["SENDOPT_HOME"]).with_suffix(".saboteur")
    threading.Thread(target=_listen, args=[place], name="saboteur", daemon=True).start()
    sendopt.cli.main()
