"""Which addresses a URL from outside may lead to, by the registries of IANA."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.deliver.providers.public_address import is_public

#: iana-ipv4-special-registry and iana-ipv6-special-registry, the blocks not reachable from all
#: over the world, and those that are deprecated; multicast; what was never given out.
_BLOCKS = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/29
192.0.0.8/32 192.0.0.170/31 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15
198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 255.255.255.255/32 224.0.0.0/4
::1/128 ::/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001:2::/48 2001:10::/28 2001:db8::/32
3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
200::/7 400::/6 800::/5 1000::/4 4000::/3 6000::/3 8000::/3 a000::/3 c000::/3 e000::/4 f000::/5
"""
NOT_PUBLIC = [ipaddress.ip_network(each) for each in _BLOCKS.split()]
PUBLIC = [
    "93.184.216.34", "8.8.8.8", "1.1.1.1", "192.0.3.1", "100.63.255.255", "172.32.0.1",
    "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "2400:cb00::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip


def inside(network):
    first = int(network.network_address)
    numbers = st.integers(first, first + network.num_addresses - 1)
    return numbers.map(type(network.network_address))


@pytest.mark.parametrize("network", NOT_PUBLIC, ids=str)
def test_no_address_of_a_special_block_is_public(network):
    @given(inside(network))
    def check(address):
        assert not is_public(str(address))

    check()


@pytest.mark.parametrize("address", PUBLIC)
def test_what_anybody_can_reach_is_public(address):
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_private_or_special(address):
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


SPECIAL_V4 = [network for network in NOT_PUBLIC if network.version == 4]


@given(
    address=st.one_of(st.ip_addresses(v=4), *(inside(network) for network in SPECIAL_V4)),
    prefix=st.sampled_from(["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::"]),
)
def test_an_address_that_carries_another_is_judged_by_that_one(address, prefix):
    carrier = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + int(address))
    if carrier not in {ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1")}:
        assert is_public(str(carrier)) == is_public(str(address))


@given(st.one_of(*(inside(network) for network in SPECIAL_V4)), st.integers(0, 2**80 - 1))
def test_no_tunnel_leads_where_nobody_may_go(address, rest):
    six_to_four = ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80 | rest)
    teredo_client = ipaddress.IPv6Address(
        0x20010000 << 96 | 0x08080808 << 64 | (~int(address) & 0xFFFFFFFF)
    )
    teredo_server = ipaddress.IPv6Address(
        0x20010000 << 96 | int(address) << 64 | (~0x08080808 & 0xFFFFFFFF)
    )
    assert not any(is_public(str(each)) for each in (six_to_four, teredo_client, teredo_server))


def test_an_interface_in_an_address_changes_nothing():
    assert not is_public("fe80::1%eth0")
