"""The HTTP client: where it may connect, how long it waits, what a broken connection means."""

from __future__ import annotations

import ipaddress
import json
import os
import resource
import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sendopt.deliver.providers.public_address import is_public
from sendopt.deliver.providers.transport import Request, Response, TransportError


def post(url: str, body: bytes = b"{}") -> Request:
    return Request(url, {"Content-Type": "application/json"}, body)


class Trap:
    """A listener that counts connections and never answers."""

    def __init__(self) -> None:
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.kept: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.kept.append(self.listener.accept()[0])
                self.connections += 1

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.kept:
            each.close()


@pytest.fixture
def trap():
    made = Trap()
    yield made
    made.close()


PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "[fd00::1]",
    "[fe80::1]",
    "224.0.0.1",
    "255.255.255.255",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_no_private_address_is_contacted(trap, host, make_transport):
    transport = make_transport(allow_private_addresses=False)
    [answer] = transport.post_all([post(f"http://{host}:{trap.port}/")])
    assert answer == TransportError("address_not_public", refused=True)
    assert trap.connections == 0


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address):
    mapped = ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    translated = ipaddress.IPv6Address(
        ipaddress.IPv6Address("64:ff9b::").packed[:12] + address.packed
    )
    assert is_public(str(mapped)) == is_public(str(address)) == is_public(str(translated))


def test_a_proxy_in_the_environment_is_not_used(trap, receiver, monkeypatch, make_transport):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    transport = make_transport()
    [answer] = transport.post_all([post(receiver.url)])
    assert isinstance(answer, Response)
    assert trap.connections == 0


@pytest.mark.parametrize(
    "url", ["", "http://", "http://a b/", "file:///etc/passwd", "ftp://127.0.0.1/", "nonsense://x/"]
)
def test_a_url_that_cannot_be_contacted_is_refused(url, make_transport):
    transport = make_transport()
    [answer] = transport.post_all([post(url)])
    assert answer == TransportError("url_malformed", refused=True)


@pytest.mark.timeout(30)  # one after the other they would take a minute
def test_silence_ends_with_the_timeout_for_all_at_once(trap, make_transport):
    transport = make_transport(timeout=timedelta(milliseconds=1200))
    answers = transport.post_all([post(f"http://127.0.0.1:{trap.port}/{n}") for n in range(50)])
    assert answers == [TransportError("timed_out")] * 50


def test_nobody_listening_and_no_such_name_are_not_refusals(make_transport):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    transport = make_transport()
    assert transport.post_all([post(f"http://127.0.0.1:{port}/")]) == [
        TransportError("connection_failed")
    ]
    assert transport.post_all([post("http://no-such-host.invalid/")]) == [
        TransportError("name_not_found")
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 ",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_a_connection_that_breaks_before_the_status_leaves_the_outcome_unknown(
    answer, make_transport
):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    transport = make_transport()
    [found] = transport.post_all([post(f"http://127.0.0.1:{listener.getsockname()[1]}/")])
    listener.close()
    assert isinstance(found, TransportError)
    assert not found.refused


def test_an_endless_body_is_cut_off_and_its_status_counts(make_transport):
    listener = socket.create_server(("127.0.0.1", 0))
    sent = Counter()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 201 Created\r\nRetry-After: 7\r\n\r\n")
            while True:
                sent["bytes"] += connection.send(b"x" * 65536)

    threading.Thread(target=serve, daemon=True).start()
    transport = make_transport()
    [found] = transport.post_all([post(f"http://127.0.0.1:{listener.getsockname()[1]}/")])
    listener.close()
    assert found == Response(201, {"retry-after": "7"})
    assert sent["bytes"] < 32 * 2**20  # what fits into the buffers on the way


def test_connections_are_kept_from_one_call_to_the_next(receiver, make_transport):
    opened = []
    accept = receiver.server.get_request

    def counting():
        opened.append(1)
        return accept()

    receiver.server.get_request = counting
    transport = make_transport(concurrency=4)
    for _ in range(5):
        answers = transport.post_all([post(f"{receiver.url}/{number}") for number in range(20)])
        assert [answer.status for answer in answers] == [204] * 20
    assert len(receiver.requests) == 100
    assert len(opened) <= 4


class TakesAndCloses:
    """Answers the first request of each connection; takes the second one and hangs up."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self.listener.accept()[:1]).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for answers in (True, False):
                received = b""
                while not received.endswith(b"}") and (part := connection.recv(65536)):
                    received += part
                if not received:
                    return
                self.taken.append(received)
                if answers:
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_a_request_goes_out_once_though_its_reused_connection_ends_without_an_answer(
    make_transport,
):
    server = TakesAndCloses()
    transport = make_transport(concurrency=1)
    answers = [
        transport.post_all([post(server.url, b'{"n":%d}' % number)])[0] for number in range(6)
    ]
    server.listener.close()
    assert answers == [Response(204, {}), TransportError("connection_lost")] * 3
    assert [taken.rpartition(b"\r\n\r\n")[2] for taken in server.taken] == [
        b'{"n":%d}' % number for number in range(6)
    ]


def test_a_connection_that_ended_while_nobody_used_it_costs_no_request(receiver, make_transport):
    transport = make_transport(concurrency=1)
    receiver.answer = lambda _request: (204, {"Connection": "close"})
    for _ in range(5):
        [answer] = transport.post_all([post(receiver.url)])
        assert answer.status == 204
    assert len(receiver.requests) == 5


@pytest.mark.parametrize("header", [b"\x00".decode(), "caf\ud800"])
def test_a_request_that_cannot_be_made_keeps_no_other_from_going(receiver, header, make_transport):
    transport = make_transport(concurrency=1)
    odd = Request(receiver.url, {"X-Name": header}, b"{}")
    answers = transport.post_all([post(receiver.url), odd, post(receiver.url)])
    assert [isinstance(answer, Response) for answer in answers] == [True, False, True]


def test_no_socket_stays_behind(receiver, make_transport):
    transport = make_transport(concurrency=8)
    transport.post_all([post(receiver.url)] * 50)
    sockets = _open_sockets()
    for _ in range(10):
        transport.post_all([post(receiver.url)] * 50)
    assert _open_sockets() <= sockets + 2


def _open_sockets() -> int:
    entries = Path("/proc/self/fd").iterdir()
    return sum(entry.is_symlink() and "socket:" in str(entry.readlink()) for entry in entries)


_HTTP2_SERVER = """
const http2 = require("http2"), fs = require("fs");
const [key, cert, perConnection] = process.argv.slice(1);
const served = [];
const server = http2.createSecureServer({key: fs.readFileSync(key), cert: fs.readFileSync(cert)});
server.on("session", (session) => {
  let left = Number(perConnection);
  session.on("error", () => {});
  session.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.resume();
    stream.on("end", () => {
      served.push(headers[":path"]);
      stream.respond({":status": 201}, {endStream: true});
      if (--left === 0) session.close();  // GOAWAY: finishes what has begun, takes nothing new
    });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("data", () => { console.log(JSON.stringify(served)); process.exit(0); });
"""


#: Takes every second request of a connection whole and then ends the connection without an answer.
_HTTP2_CLOSER = """
const http2 = require("http2"), fs = require("fs");
const [key, cert] = process.argv.slice(1);
const taken = [];
const server = http2.createSecureServer({key: fs.readFileSync(key), cert: fs.readFileSync(cert)});
server.on("session", (session) => {
  let number = 0;
  session.on("error", () => {});
  session.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.resume();
    stream.on("end", () => {
      taken.push(headers[":path"]);
      if (++number % 2) stream.respond({":status": 201}, {endStream: true});
      else session.destroy();
    });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("data", () => { console.log(JSON.stringify(taken)); process.exit(0); });
"""


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return tmp_path


@pytest.fixture
def http2_server(node, certificate):
    """Serves HTTP/2 and says goodbye to every connection after 100 requests."""
    server = subprocess.Popen(
        [node, "-e", _HTTP2_SERVER, certificate / "key.pem", certificate / "cert.pem", "100"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    port = int(server.stdout.readline())
    yield f"https://127.0.0.1:{port}", server
    server.kill()
    server.wait()
    server.stdin.close()
    server.stdout.close()


def test_over_http2_too_a_request_goes_out_once(node, certificate, monkeypatch, make_transport):
    monkeypatch.setenv(
        ssl.get_default_verify_paths().openssl_cafile_env, str(certificate / "cert.pem")
    )
    with subprocess.Popen(
        [node, "-e", _HTTP2_CLOSER, certificate / "key.pem", certificate / "cert.pem"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        url = f"https://127.0.0.1:{server.stdout.readline().strip()}"
        transport = make_transport()
        answers = [transport.post_all([post(f"{url}/{number}")])[0] for number in range(6)]
        server.stdin.write("\n")
        server.stdin.flush()
        taken = json.loads(server.stdout.readline())
    assert [isinstance(answer, Response) for answer in answers] == [True, False] * 3
    assert taken == [f"/{number}" for number in range(6)]


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(http2_server, make_transport):
    url, _ = http2_server
    transport = make_transport()
    assert transport.post_all([post(url)]) == [TransportError("tls_failed")]


def test_connections_that_the_server_ends_lose_and_double_nothing(
    http2_server, certificate, monkeypatch, make_transport
):
    url, server = http2_server
    monkeypatch.setenv(
        ssl.get_default_verify_paths().openssl_cafile_env, str(certificate / "cert.pem")
    )
    transport = make_transport()
    asked = [f"/{number}" for number in range(2000)]
    answers = dict(
        zip(asked, transport.post_all([post(url + path) for path in asked]), strict=True)
    )
    # A goodbye may overtake a request that is on its way; who asked is told, and asks again.
    caught = [path for path, answer in answers.items() if not isinstance(answer, Response)]
    assert len(caught) <= 20
    answers |= zip(caught, transport.post_all([post(url + path) for path in caught]), strict=True)
    server.stdin.write("\n")
    server.stdin.flush()
    served = Counter(json.loads(server.stdout.readline()))
    assert all(isinstance(answer, Response) for answer in answers.values())
    assert served.keys() == set(asked)
    assert {path for path, times in served.items() if times > 1} <= set(caught)


@pytest.fixture
def open_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Opens so many files that the next ones have numbers from the given one on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as held:

        def open_up_to(number: int) -> None:
            while held.enter_context(Path(os.devnull).open("rb")).fileno() < number - 1:
                pass

        yield open_up_to
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("number", [*range(1014, 1026), 2000])
def test_files_beyond_the_thousand_that_select_sees_keep_no_answer(
    receiver, make_transport, open_files, number
):
    """select(2) sees none from 1,024 on, and a service has more than that many connections."""
    open_files(number)
    transport = make_transport()
    for _ in range(2):  # over a new connection, and over one that was kept
        (answer,) = transport.post_all([post(receiver.url)])
        assert answer == Response(204, answer.headers)
