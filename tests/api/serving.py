"""A real HTTP server on the loopback, in a thread of the tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sendopt.api import create_api, make_server
from sendopt.app import App


@contextmanager
def serving(app: App) -> Iterator[str]:
    """Serve an application; yields its URL."""
    server = make_server(create_api(app), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
