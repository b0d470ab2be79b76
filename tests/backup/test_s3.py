"""What an S3 store answers is explained; no key is in any message."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from backup.homes import silently

from sendopt.app import list_backups
from sendopt.errors import StoreFailure
from sendopt.settings import BackupSettings, Settings


class Refusing(BaseHTTPRequestHandler):
    """Knows nobody."""

    def do_GET(self):
        body = (
            b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>InvalidAccessKeyId</Code>"
            b"<Message>The key so-secret-id is unknown.</Message></Error>"
        )
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def refusing():
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def settings(endpoint):
    access = {
        "s3_endpoint": endpoint,
        "s3_key_id": "so-secret-id",
        "s3_secret": "so-secret-key",
        "s3_use_ssl": False,
    }
    return Settings(backup=BackupSettings.model_validate(access))


def refused(endpoint, place):
    with pytest.raises(StoreFailure) as refusal:
        list_backups(settings(endpoint), place, check=False, progress=silently)
    assert refusal.value.code == "backup_place_failed"
    assert "so-secret" not in str(refusal.value)
    return str(refusal.value)


def test_wrong_credentials_are_named_as_such(refusing):
    assert "SENDOPT_BACKUP__S3_KEY_ID" in refused(refusing, "s3://lake/backups")


def test_a_bucket_that_is_not_there_is_named_as_such(s3_store):
    assert "no such bucket" in refused(s3_store[0], "s3://nowhere/backups")


def test_a_store_that_does_not_answer_is_named_as_such():
    gone = HTTPServer(("127.0.0.1", 0), Refusing)
    endpoint = f"127.0.0.1:{gone.server_port}"
    gone.server_close()
    assert "SENDOPT_BACKUP__S3_ENDPOINT" in refused(endpoint, "s3://lake/backups")
