"""The address of the API: whose it is, and since when it answers there."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
from beside import beside
from service.processes import free_port
from waiting import wait_until

from sendopt.api import create_api, make_server
from sendopt.app import App
from sendopt.errors import InvalidInput


def test_an_address_at_which_another_listens_is_refused(app: App) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port {port} of 127.0.0.1 cannot be used") as error:
            make_server(create_api(app), host="127.0.0.1", port=port)
    assert error.value.code == "port_taken"


def test_nobody_waits_for_a_start_to_end(app: App) -> None:
    """Connections are refused until they are answered: a probe that waits is a probe that fails."""
    port = free_port()
    server = make_server(create_api(app), host="127.0.0.1", port=port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))

    def serve(stop: threading.Event) -> None:
        server.run_until(stop, beat=lambda: None)

    with beside(serve, name="server"):
        wait_until(lambda: server.started, "a server that has started")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json() == {"status": "ok"}
