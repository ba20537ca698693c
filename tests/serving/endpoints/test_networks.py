"""An address is known whatever its spelling, and so is whom packets to it would reach."""

from __future__ import annotations

import ipaddress

import pytest

from assay.serving.endpoints.networks import literal, meant, misspelt, networks, public, within


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "2606:4700::1111"])
def test_an_address_is_one_as_addresses_are_written(host: str) -> None:
    assert str(literal(host)) == host
    assert not misspelt(host)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "127.0.0.0x1", "1.2.3.4.5"])
def test_other_spellings_are_names_that_nobody_has(host: str) -> None:
    assert literal(host) is None
    assert misspelt(host)


@pytest.mark.parametrize("host", ["example.org", "localhost", "x1.example", "10.example"])
def test_a_name_is_no_misspelt_address(host: str) -> None:
    assert not misspelt(host)


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("64:ff9b::7f00:1", "127.0.0.1"),
        ("::127.0.0.1", "127.0.0.1"),
        ("::ffff:0:127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2002:a00:5::", "10.0.0.5"),
        ("8.8.8.8", "8.8.8.8"),
    ],
)
def test_packets_reach_whom_an_address_wraps(address: str, reached: str) -> None:
    assert ipaddress.ip_address(reached) in meant(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_the_open_internet_is_public(address: str) -> None:
    assert public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "224.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1"]
)
def test_nothing_else_is(address: str) -> None:
    assert not public(ipaddress.ip_address(address))


def test_only_what_is_an_address_or_a_network_is_one() -> None:
    known = networks(["example.org", "10.1.0.0/16", "192.168.7.7"])
    assert len(known) == 2
    assert within(ipaddress.ip_address("10.1.2.3"), known)
    assert not within(ipaddress.ip_address("10.2.2.3"), known)
