"""Backups in an S3-compatible store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, BinaryIO, Self, cast

from sendopt.backup.place import is_ours
from sendopt.errors import StoreFailure
from sendopt.s3_access import S3Access

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 60, 4
_UNKNOWN_NAME = {"NoSuchKey", "404"}
_REFUSED = {
    "AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch",
    "401", "403",
}  # fmt: skip


class S3Place:
    """Below a bucket and a prefix. One backup at a time: nothing here keeps another one away.

    Without a key the machine's own role or configuration counts.
    """

    def __init__(self, url: str, access: S3Access) -> None:
        self._url = url
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._access = access

    @cached_property
    def _store(self) -> Any:
        # Takes half a second to import, which only those who keep backups there should pay.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        access = self._access
        scheme = "https" if access.use_ssl else "http"
        return boto3.client(
            "s3",
            endpoint_url=f"{scheme}://{access.endpoint}" if access.endpoint else None,
            region_name=access.region or None,
            aws_access_key_id=access.key_id or None,
            aws_secret_access_key=access.secret or None,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                s3={"addressing_style": "path" if access.endpoint else "auto"},
                # Not every store knows AWS's newer checksums; our own hash is checked in any case.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def names(self, folder: str) -> dict[str, int]:
        prefix = self._key(f"{folder}/")
        with self._explained("list"):
            pages = self._store.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            return {
                name: found["Size"]
                for page in pages
                for found in page.get("Contents", ())
                if is_ours(folder, name := found["Key"].removeprefix(prefix))
            }

    def open(self, name: str) -> BinaryIO:
        with self._explained("read"):
            found = self._store.get_object(Bucket=self._bucket, Key=self._key(name))
        return cast("BinaryIO", _Body(found["Body"], lambda: self._explained("read")))

    def write(self, name: str, source: BinaryIO) -> str:
        hashing = _Hashing(source)
        with self._explained("write"):
            self._store.upload_fileobj(hashing, self._bucket, self._key(name))
        return hashing.digest.hexdigest()

    def settle(self) -> None:
        """Do nothing: a store answers a write when it is durable."""

    def delete(self, name: str) -> None:
        with self._explained("delete"):
            self._store.delete_object(Bucket=self._bucket, Key=self._key(name))

    def alone(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error  # noqa: PLC0415 - see _store
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _UNKNOWN_NAME:
                raise FileNotFoundError(self._url) from error
            raise self._failure(verb, *_advice(code)) from error
        except (BotoCoreError, Boto3Error) as error:
            raise self._failure(verb, *_advice(type(error).__name__)) from error

    def _failure(self, verb: str, why: str, hint: str) -> StoreFailure:
        return StoreFailure(
            f"{self._url}: {why} (to {verb})", statement=verb, code="backup_place_failed", hint=hint
        )


def _advice(code: str) -> tuple[str, str]:
    """Return what a store's answer means, and what to do about it."""
    if code in _REFUSED or "Credentials" in code:
        return f"the credentials are refused ({code})", (
            "see SENDOPT_BACKUP__S3_KEY_ID, SENDOPT_BACKUP__S3_SECRET and what they may do: list, "
            "read, write, delete"
        )
    if code == "NoSuchBucket":
        return "there is no such bucket", "make it, or mend the name"
    return f"the store does not answer as it should ({code})", (
        "see SENDOPT_BACKUP__S3_ENDPOINT and repeat the command: it goes on where this one ended"
    )


class _Body:
    """What a store is sending; it may end early at any moment."""

    def __init__(self, body: Any, explained: Callable[[], AbstractContextManager[None]]) -> None:
        self._body = body
        self._explained = explained

    def read(self, size: int = -1) -> bytes:
        with self._explained():
            return bytes(self._body.read(None if size < 0 else size))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._body.close()


class _Hashing:
    """Hashes what is read through it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self.digest.update(chunk)
        return chunk
