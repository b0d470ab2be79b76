"""Which IP addresses a URL from outside may lead to.

A device's URL is chosen by whoever registered it. Were it followed everywhere, it would reach
what only we can reach: a database, another service, a cloud's metadata (server-side request
forgery, cheatsheetseries.owasp.org).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: Carries an IPv4 address in its last 32 bits (RFC 6052, section 2.1).
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether `address`, a numeric IP address, belongs to the public internet.

    An IPv6 address that only wraps an IPv4 address is judged by what it wraps.

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    # A link-local address may carry its interface: fe80::1%eth0.
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = _wrapped(ip) or ip
    return ip.is_global and not ip.is_multicast


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    # A Teredo address names its server first and its client second; the client is the target.
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
