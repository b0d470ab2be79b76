"""Which IP addresses a URL from outside may lead to.

A device's URL is chosen by whoever registered it. Were it followed everywhere, it would reach
what only we can reach: a database, another service, a cloud's metadata (server-side request
forgery, cheatsheetseries.owasp.org).

The tables follow the registries of IANA as of 2025-10: iana-ipv4-special-registry and
iana-ipv6-special-registry (RFC 6890), and for IPv6 also ipv6-unicast-address-assignments, since
only 2000::/3 has ever been given out. Python's `ipaddress` knows older ones, and other ones in
each release; what it refuses is refused as well.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

#: "Globally Reachable: False" or unspecified; multicast (RFC 5771) and what is reserved (RFC 1112).
_NOT_PUBLIC_V4 = [
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared address space
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: the metadata of clouds
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments; two of it answer anybody, and are no receivers
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112, a sink of DNS
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays, deprecated: whoever is nearest answers
        "192.168.0.0/16",  # private use
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
#: All that is given out for unicast on the public internet.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: benchmarking, ORCHID, drones, port control, TURN, ...
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]

#: Carry an IPv4 address in their last 32 bits: mapped, compatible and translated (RFC 4291, 2765),
#: NAT64 (RFC 6052). An address is judged by what it carries.
_CARRIERS = [
    IPv6Network(each) for each in ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
]
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_32_BITS = 0xFFFF_FFFF


def is_public(address: str) -> bool:
    """Whether `address`, a numeric IP address, belongs to the public internet.

    An IPv6 address that carries an IPv4 address is judged by that one.

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    # A link-local address may carry its interface: fe80::1%eth0.
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return _is_public_v4(ip)
    if ip.is_unspecified or ip.is_loopback:
        return False
    carried = _carried(ip)
    return _is_public_v6(ip) if carried is None else all(map(_is_public_v4, carried))


def _is_public_v4(ip: IPv4Address) -> bool:
    return ip.is_global and not any(ip in network for network in _NOT_PUBLIC_V4)


def _is_public_v6(ip: IPv6Address) -> bool:
    return (
        ip in _GLOBAL_UNICAST
        and ip.is_global
        and not any(ip in network for network in _NOT_PUBLIC_V6)
    )


def _carried(ip: IPv6Address) -> list[IPv4Address] | None:
    """Return the IPv4 addresses to which a packet for `ip` may go; None = it is itself."""
    number = int(ip)
    if any(ip in network for network in _CARRIERS):
        return [IPv4Address(number & _32_BITS)]
    if ip in _6TO4:
        return [IPv4Address(number >> 80 & _32_BITS)]
    if ip in _TEREDO:  # its server, and its client with every bit inverted (RFC 4380, section 4)
        return [IPv4Address(number >> 64 & _32_BITS), IPv4Address(~number & _32_BITS)]
    return None
