"""Devices over HTTP: the key with which browsers subscribe, and what the documentation shows."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sendopt.app import App
from sendopt.deliver.providers import Vapid

PAGE = Path(__file__).parents[2] / "docs" / "devices.md"


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_key_for_browsers_is_the_one_that_messages_are_signed_with(
    app: App, acme: httpx.Client, other: httpx.Client
) -> None:
    answer = acme.get("/v1/web-push-key").json()
    assert answer == other.get("/v1/web-push-key").json()
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), bytes_of(answer["application_server_key"])
    )
    vapid = Vapid(app.secrets.vapid_private_key_pem, "mailto:push@shop.example")
    header = vapid.authorization("https://push.example/abc", now=datetime(2026, 10, 1, tzinfo=UTC))
    signed, _, signature = header.removeprefix("vapid t=").split(",")[0].rpartition(".")
    raw = bytes_of(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public_key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))


def test_the_private_half_stays_where_it_is(app: App, acme: httpx.Client) -> None:
    pem = app.secrets.vapid_private_key_pem
    private = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    secret = private.private_numbers().private_value.to_bytes(32)
    told = bytes_of(acme.get("/v1/web-push-key").json()["application_server_key"])
    assert secret not in told
    assert len(told) == 65


def examples(language: str) -> list[str]:
    """The blocks of code in the page on devices."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", examples("json"), ids=["web push", "webhook", "simulator"])
def test_the_examples_of_the_documentation_are_taken(other: httpx.Client, example: str) -> None:
    answer = other.post(
        "/v1/devices", content=example, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["user_id"] == "user-7"


#: Runs the worker of the documentation with a browser's globals, and prints what it did.
BROWSER = """
const did = [], handlers = {};
globalThis.fetch = async (url, { method }) => {
  did.push([method, url]);
  throw new Error("offline");
};
globalThis.self = {
  addEventListener: (name, handler) => { handlers[name] = handler; },
  registration: { showNotification: async (title, { body, tag, data }) => {
    did.push(["show", title, body, tag]); shown = data; } },
  clients: { openWindow: async (url) => { did.push(["window", url]); } },
};
let shown;
eval(process.argv[1]);
const run = async (name, event) => {
  let work;
  handlers[name]({ ...event, waitUntil: (promise) => { work = promise; } });
  await work;
};
(async () => {
  for (const message of JSON.parse(process.argv[2])) {
    await run("push", { data: { json: () => message } });
    const notification = { data: shown, close: () => did.push(["close"]) };
    await run("notificationclick", { notification });
    await run("notificationclose", { notification });
  }
  console.log(JSON.stringify(did));
})();
"""


def test_the_worker_of_the_documentation_shows_and_reports() -> None:
    (worker,) = [block for block in examples("js") if "addEventListener" in block]
    url = "https://push.shop.example/t/k1.abc.mac"
    messages = [
        {"send_id": "s1", "title": "Autumn", "body": "Sale", "url": url},
        {"send_id": "s2", "title": "News", "body": "No link"},
    ]
    ran = subprocess.run(
        [Path(sys.executable).with_name("node"), "-e", BROWSER, worker, json.dumps(messages)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [
        ["show", "Autumn", "Sale", "s1"],
        ["POST", f"{url}/delivery"],
        ["close"],
        ["POST", f"{url}/open"],
        ["window", url],
        ["POST", f"{url}/dismissal"],
        ["show", "News", "No link", "s2"],
        ["close"],
    ]


def test_a_zone_that_is_none_is_told_and_costs_no_registration(other: httpx.Client) -> None:
    body = {"device_id": "z1", "user_id": "zoe", "channel": "simulator", "address": {}}
    answer = other.post("/v1/devices", json=body | {"timezone": "Etc/Unknown"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["device_id"], told["timezone"]) == ("z1", None)
    (dropped,) = told["dropped_fields"]
    assert (dropped["field"], dropped["code"]) == ("/timezone", "zone_invalid")
    kept = other.post("/v1/devices", json=body | {"timezone": "Asia/Tokyo"}).json()
    assert (kept["timezone"], kept["dropped_fields"]) == ("Asia/Tokyo", [])
    assert other.post("/v1/devices", json=body).json()["timezone"] == "Asia/Tokyo"
