"""How every request of ours goes out: the options of libcurl that are no caller's choice."""

from __future__ import annotations

import ssl
from datetime import timedelta
from io import BytesIO
from typing import Any

import pycurl

from sendopt.version import __version__

_OK = 200


def options(timeout: timedelta) -> list[tuple[int, Any]]:
    """Return what holds for each request: http and https alone, no redirect and no proxy.

    Args:
        timeout: of one request, from its start to the last byte of its answer.
    """
    common: list[tuple[int, Any]] = [
        (pycurl.USERAGENT, f"sendopt/{__version__}"),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PROXY, ""),
        (pycurl.NOSIGNAL, 1),
        (pycurl.TIMEOUT_MS, max(1, timeout // timedelta(milliseconds=1))),
    ]
    # The library was built on another system: it is told where this one keeps its authorities.
    trusted = ssl.get_default_verify_paths()
    if trusted.cafile:
        common.append((pycurl.CAINFO, trusted.cafile))
    if trusted.capath:
        common.append((pycurl.CAPATH, trusted.capath))
    return common


def get(url: str, *, timeout: timedelta, most_bytes: int) -> bytes:
    """Return the document at an address that a setting names, or one that such a document names.

    Addresses inside one's own network are allowed, unlike those that tenants give.

    Raises:
        ConnectionError: there is no answer, or another one than 200 with at most `most_bytes`.
    """
    body = BytesIO()

    def take(part: bytes) -> int:
        return body.write(part) if body.tell() + len(part) <= most_bytes else 0

    curl = pycurl.Curl()
    try:
        for option, value in (*options(timeout), (pycurl.URL, url), (pycurl.WRITEFUNCTION, take)):
            curl.setopt(option, value)
        curl.perform()
        status = curl.getinfo(pycurl.RESPONSE_CODE)
    except (pycurl.error, ValueError) as error:  # its text quotes no more than host and port
        raise ConnectionError(str(error)) from error
    finally:
        curl.close()
    if status != _OK:
        raise ConnectionError(f"the answer has the status {status}")
    return body.getvalue()
