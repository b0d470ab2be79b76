"""Put the API together."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
import uvicorn
from fastapi import FastAPI

import sendopt
from sendopt.api import openapi, problems
from sendopt.api.admission import Admission
from sendopt.api.alive import Alive
from sendopt.api.auth import TokensToJudge, guarded_routes, is_guarded
from sendopt.api.best_times import BestTimesFromStore
from sendopt.api.body import Bodies
from sendopt.api.browsers import Browsers
from sendopt.api.connections import Connections, raise_file_limit
from sendopt.api.exports import Exports
from sendopt.api.gauges import BacklogGauges, DriftGauges, PartGauges
from sendopt.api.metrics import Metrics
from sendopt.api.observe import Observer
from sendopt.api.paths import EncodedPaths
from sendopt.api.protocol import LimitedConfig, Times
from sendopt.api.routes import (
    audit,
    campaigns,
    consent,
    devices,
    erasures,
    events,
    exports,
    health,
    keys,
    lift,
    limits,
    links,
    models,
    operator,
    own_devices,
    plans,
    reference,
    sends,
    series,
    statements,
    users,
)
from sendopt.api.threads import in_thread
from sendopt.app import App
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.app.supervision import Part
from sendopt.errors import InvalidInput, InvariantBroken, ModelNotServable, StoreFailure
from sendopt.liveness import Liveness, in_background

_log = structlog.get_logger(__name__)

_SUBJECTS = (
    events,
    users,
    consent,
    campaigns,
    series,
    limits,
    plans,
    devices,
    erasures,
    own_devices,
    sends,
    keys,
    audit,
    models,
    lift,
    statements,
    exports,
    links,
    operator,
    health,
    reference,
)

_TAGS = [
    {"name": "events", "description": "What happened, into the log."},
    {"name": "users", "description": "When a user is likely to respond."},
    {"name": "campaigns", "description": "What to send, within which limits."},
    {"name": "series", "description": "Campaigns that come again."},
    {"name": "limits", "description": "Within what is sent, over all campaigns."},
    {"name": "devices", "description": "Where messages can reach a user."},
    {"name": "sends", "description": "One message to one user: where it stands, and why then."},
    {"name": "keys", "description": "Who may do what."},
    {"name": "audit", "description": "Who changed what."},
    {"name": "models", "description": "Which model speaks, which did, and going back to it."},
    {"name": "lift", "description": "What choosing the time was worth, from users held out."},
    {"name": "statements", "description": "What is charged, and how it was counted."},
    {"name": "exports", "description": "Whole lists and reports as CSV or Parquet."},
    {"name": "links", "description": "For devices: the signed token is the credential."},
    {"name": "operator", "description": "Over tenants, for whoever runs the service."},
    {"name": "health", "description": "For the machinery around the service."},
]


def create_api(app: App, parts: Sequence[Part] = ()) -> FastAPI:
    """Return the ASGI application that serves `app`, whose stores are opened as it starts.

    It tells how the `parts` of the process are that it runs in.
    """
    api = FastAPI(
        title="sendopt",
        version=sendopt.__version__,
        summary="Learns when each user answers and sends every message at that moment.",
        lifespan=_open_stores,
        openapi_url=None,  # the framework's route would write it out on the event loop, every time
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": "/", "description": "This service"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        generate_unique_id_function=lambda route: route.name,
        # We count and log ourselves; to look for a collector costs every request some 10 µs.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    api.openapi_tags = _TAGS
    api.state.facade = app
    api.state.readiness = Liveness(lambda: _readiness(app, parts))
    api.state.metrics = Metrics(BacklogGauges(app), DriftGauges(app), PartGauges(parts))
    api.state.exports = Exports()
    api.state.bodies = Bodies(app.settings.http.body_seconds)
    api.state.tokens_to_judge = TokensToJudge()
    api.state.metrics_key = app.settings.http.metrics_key.get_secret_value()
    routers = [part.router for part in _SUBJECTS]
    api.state.paths = sorted({route.path for router in routers for route in router.routes})
    for router in routers:
        api.include_router(router)
    _put_together(api)
    require_permissions(api)
    problems.install(api)
    counted = {"metrics": api.state.metrics, "random_bytes": app.random_bytes}
    # The last is the outermost.
    api.add_middleware(Admission, metrics=api.state.metrics)
    if origins := app.settings.http.browser_origins:
        api.add_middleware(Browsers, origins=origins)
    api.add_middleware(Observer, **counted)
    api.add_middleware(BestTimesFromStore, facade=app, metrics=api.state.metrics)
    api.add_middleware(Alive, **counted)
    api.add_middleware(EncodedPaths)
    api.openapi = lambda: openapi.document(api)  # type: ignore[method-assign]
    return api


def _put_together(api: FastAPI) -> None:
    """Make every route now: by itself the first request does, for 50 ms on the event loop."""
    nowhere = {"type": "http", "method": "GET", "path": "", "root_path": "", "headers": []}
    for router in api.routes:
        router.matches(nowhere)


def require_permissions(api: FastAPI) -> None:
    """Refuse to serve a route that says nothing about who may use it.

    Raises:
        InvariantBroken: `permission_undeclared`.
    """
    for route in guarded_routes(api):
        if not is_guarded(route):
            raise InvariantBroken(
                f"the route {route.path} asks for no permission",
                code="permission_undeclared",
                hint="let it take one of the principals of sendopt.api.auth first",
            )


def _readiness(app: App, parts: Sequence[Part]) -> dict[str, str | None]:
    return app.ready() | {part.name: part.code for part in parts}


@asynccontextmanager
async def _open_stores(api: FastAPI) -> AsyncIterator[None]:
    """Open state and log before the first request, so that no two requests race to do it."""
    app: App = api.state.facade
    await in_thread(app.open_stores)
    # Checking a large file of scores takes a while, for which nobody waits.
    in_background(lambda: _look_for_scores(app), name="scores")
    yield


def _look_for_scores(app: App) -> None:
    # Without a champion messages go out at their fallback times, without scores it is asked.
    with suppress(ModelNotServable, StoreFailure):
        app.as_owner_of(DEFAULT_TENANT).scores.current()


class Server(uvicorn.Server):
    """Serves in any thread, on an address that it holds already.

    Until it answers, connections are refused at once: none waits for a start to end.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._bound = _bind(config.host, config.port)
        self._stop = threading.Event()
        self._beat: Callable[[], object] = lambda: None

    def run_until(self, stop: threading.Event, *, beat: Callable[[], object]) -> None:
        """Serve until `stop` is set, and call `beat` as long as the event loop turns.

        On its way out it finishes what it has begun, for at most 20 seconds.
        """
        self._stop, self._beat = stop, beat
        self.run()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit` is set, or in the main thread until a signal comes."""
        super().run(self._bound if sockets is None else sockets)

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second; true = end."""
        self._beat()
        return self._stop.is_set() or await super().on_tick(counter)


def make_server(api: FastAPI, *, host: str, port: int) -> Server:
    """Return a server for `api` that holds its address; `.run_until(stop)` listens and answers.

    Our own log lines replace uvicorn's, which would hold whole URLs and with them tokens.

    Raises:
        InvalidInput: `port_taken`.
    """
    raise_file_limit()
    app: App = api.state.facade
    limits = app.settings.http
    config = LimitedConfig(
        api,
        times=Times(limits.head_seconds, limits.idle_seconds, limits.answer_seconds),
        connections=Connections(limits.connections),
        metrics=api.state.metrics,
        random_bytes=app.random_bytes,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nothing here trusts an address that a header claims
        timeout_graceful_shutdown=20,
        ws="none",
    )
    config.load()  # imports what it names
    server = Server(config)
    _log.info("api_starts", host=host, port=port, connections=config.open_connections.most)
    return server


def _bind(host: str, port: int) -> list[socket.socket]:
    """Take every address of `host`, without listening yet."""
    bound: list[socket.socket] = []
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            taken = socket.socket(family, kind)
            bound.append(taken)
            # So that connections of a service that has just ended do not stand in the way; who
            # listens there now still does.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(address)
    except OSError as error:
        for each in bound:
            each.close()
        raise InvalidInput(
            f"port {port} of {host} cannot be used: {error.strerror}",
            code="port_taken",
            field="SENDOPT_HTTP__PORT",
            expected="a port of this machine on which nothing listens",
        ) from error
    return bound
