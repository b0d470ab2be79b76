"""Which pages may call the service from a browser: their origins, written as browsers do."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from sendopt.errors import InvalidInput

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _origin(text: str) -> str:
    """Return `text` if a browser could say it of a page, letter for letter.

    Raises:
        InvalidInput: `setting_invalid`.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    shown = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    if parts.scheme not in _DEFAULT_PORTS or not host.strip("*") or "*" in host:
        shown = "?"
    if text != f"{parts.scheme}://{host}{shown}" or not text.isascii():
        raise InvalidInput(
            "should be scheme, host and a port unless it is the usual one, in lower case, such as "
            "https://www.shop.example: without a path, a slash at the end or a *",
            code="setting_invalid",
        )
    return text


#: As the header `Origin` has it (RFC 6454, section 7).
PageOrigin = Annotated[str, AfterValidator(_origin)]
