"""Tries the service with requests that are made from its own description, as every role.

    python -m api.fuzz [--cases 20000]

Prints a table: of each route how many requests came to which answers. It fails where an answer is
a server's failure or is not described, or where fewer requests were made than were asked for.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog
from api.conftest import METRICS_KEY, NOW
from api.serving import serving
from prometheus_client.parser import text_string_to_metric_families

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.records import BuiltInRole, Permission, TenantId
from sendopt.settings import HttpSettings, Settings

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
TENANT = TenantId("tried")
#: May do everything but withdraw the key that it has: soon after that all answers would be 401.
READER = "reader_of_the_description"
#: Where an owner's key would withdraw itself.
WITHDRAWALS = r"/v1/keys/\{key_id\}"


@dataclass(frozen=True)
class Run:
    """What schemathesis said of one run."""

    cases: int
    passed: bool
    told: str


@dataclass(frozen=True)
class Share:
    """A part of the requests: who makes them, and of which kind they are."""

    role: str
    phases: str
    examples: int  # of each operation
    options: tuple[str, ...] = ()


def run(
    url: str, key: str, folder: Path, *, phases: str, examples: int, options: Sequence[str] = ()
) -> Run:
    """Try so many examples of every operation with this key."""
    command = [SCHEMATHESIS, "--config-file", CONFIG, "run", f"{url}/openapi.json"]
    given = [f"--header=Authorization: Bearer {key}", f"--phases={phases}"]
    given += [f"--max-examples={examples}", "--no-color", "--warnings=off", *options]
    found = subprocess.run(
        [*command, *given], cwd=folder, capture_output=True, text=True, check=False
    )
    told = found.stdout + found.stderr
    cases = re.search(r"([\d,]+) generated", found.stdout)
    return Run(0 if cases is None else int(cases[1].replace(",", "")), found.returncode == 0, told)


def shares(cases: int) -> list[Share]:
    """Divide the cases: most of them as somebody who may do nearly everything."""
    each = max(1, cases // 80)
    few = max(1, each // 10)
    keep = f"--exclude-path-regex={WITHDRAWALS}"
    return [
        Share(READER, "examples,coverage,fuzzing,stateful", each),
        *(Share(role, "fuzzing", few, (keep,)) for role in BuiltInRole),
        Share(BuiltInRole.OWNER, "fuzzing", few, (f"--include-path-regex={WITHDRAWALS}",)),
    ]


def prepare(app: App, url: str) -> None:
    """Let there be something to ask about: users, devices and a campaign that was committed."""
    app.operator.create_tenant(TENANT, timezone="Europe/Vienna")
    app.as_owner_of(TENANT).roles.put(READER, {*Permission} - {Permission.KEYS_WRITE})
    headers = {"Authorization": f"Bearer {app.as_owner_of(TENANT).keys.issue('prepares').key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        for number in range(20):
            device = {"device_id": f"{number}", "user_id": f"{number}", "channel": "simulator"}
            client.post("/v1/devices", json={**device, "address": {}}).raise_for_status()
        campaign = {
            "campaign_id": "0",
            "channel": "simulator",
            "variants": [{"variant_id": "plain", "title": "T", "body": "B"}],
            "send_window": {
                "earliest_at": "2026-10-02T00:00:00Z",
                "latest_at": "2026-10-03T00:00:00Z",
            },
            "audience": "everyone",
            "quiet_hours": None,
        }
        client.post("/v1/campaigns?commit=true", json=campaign).raise_for_status()


def answers(app_metrics: str) -> Counter[tuple[str, str, str]]:
    """Return how many requests there were, by method, route and status."""
    return Counter(
        {
            (each.labels["method"], each.labels["route"], each.labels["status"]): int(each.value)
            for family in text_string_to_metric_families(app_metrics)
            if family.name == "sendopt_http_requests"
            for each in family.samples
            if each.name.endswith("_total")
        }
    )


def table(counts: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the lines of a table: a route each, all wrong methods together, and all of them."""
    by_route: dict[str, Counter[str]] = {}
    served = {(method, route) for method, route, status in counts if status != "405"}
    for (method, route, status), count in sorted(counts.items(), key=lambda each: each[0][1]):
        name = f"{method} {route}" if (method, route) in served else "wrong methods"
        by_route.setdefault(name, Counter())[status[0]] += count
    by_route["all"] = sum(by_route.values(), Counter())
    width = max(map(len, by_route))
    yield f"{'route':<{width}}  requests     2xx     3xx     4xx     5xx"
    yield from (_line(name, found, width) for name, found in by_route.items())


def _line(name: str, found: Counter[str], width: int) -> str:
    classes = "".join(f"{found[each]:>8,}" for each in "2345")
    return f"{name:<{width}}  {found.total():>8,}{classes}"


@contextmanager
def service() -> Iterator[tuple[App, str]]:
    """Serve a home of its own."""
    with tempfile.TemporaryDirectory(prefix="sendopt-fuzz-") as folder:
        http = HttpSettings(metrics_key=METRICS_KEY)
        settings = Settings(home=Path(folder) / "home", http=http)
        with closing(open_app(settings, clock=VirtualClock(NOW))) as app, serving(app) as url:
            prepare(app, url)
            yield app, url


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api.fuzz")
    parser.add_argument("--cases", type=int, default=20_000, help="at least so many requests")
    wanted = parser.parse_args().cases
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    made, wrong = 0, list[str]()
    with service() as (app, url):
        for number, share in enumerate(shares(wanted)):
            key = app.as_owner_of(TENANT).keys.issue(share.role, role=share.role).key
            seed = (f"--seed={number}", *share.options)
            with tempfile.TemporaryDirectory() as folder:
                found = run(
                    url,
                    key,
                    Path(folder),
                    phases=share.phases,
                    examples=share.examples,
                    options=seed,
                )
            made += found.cases
            print(f"{share.role}: {found.cases:,} cases", flush=True)
            if not found.passed:
                wrong.append(f"as {share.role}:\n{found.told}")
        metrics = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {METRICS_KEY}"})
    counts = answers(metrics.text)
    print("\n".join(table(counts)))
    failures = sum(count for (_, _, status), count in counts.items() if status.startswith("5"))
    if failures:
        wrong.append(f"{failures:,} answers are failures of the server")
    if made < wanted:
        wrong.append(f"{made:,} cases are fewer than {wanted:,}")
    print("\n".join([f"{made:,} cases, {len(wrong)} things amiss", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
