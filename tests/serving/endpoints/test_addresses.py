"""This machine may be asked, others only where the operator names them, and no spelling of an address changes that."""

from __future__ import annotations

import socket

import pytest

from assay.errors import RemoteModelUnreachable, VersionRejected
from assay.serving.endpoints.addresses import Access

NAMED = Access(hosts=("models.example.org", "Inner.example.org", "10.1.0.0/16", "192.168.7.7", "2001:db8::/32"))
PRIVATE = (
    "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "127.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.5", "::ffff:127.0.0.1",
    "64:ff9b::a00:5", "64:ff9b::7f00:1", "2002:0a00:0005::", "2002:7f00:0001::", "fe80::1%eth0",
)  # fmt: skip


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_be_asked_by_whatever_name_it_has(host: str) -> None:
    Access().check(host)
    assert Access().addresses(host, 80)


@pytest.mark.parametrize(
    "host",
    [
        "models.example.org", "10.0.0.5", "8.8.8.8", "169.254.169.254", "0.0.0.0", "::", "::ffff:10.0.0.5", "fe80::1",
        "localhost.example.org", "x.localhost", "64:ff9b::7f00:1",
    ],
)  # fmt: skip
def test_no_other_may_be_asked_unless_it_is_named(host: str) -> None:
    if host != "64:ff9b::7f00:1":  # which is this machine's own, behind a translator that nobody has here
        with pytest.raises(VersionRejected, match="remote_hosts"):
            Access().check(host)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "017700000001", "127.0.0.0x1", "10.0.5", "1.2.3.4.5"]
)
def test_an_address_that_is_not_written_as_one_is_nobodys(host: str) -> None:
    with pytest.raises(VersionRejected, match="no address as it is written"):
        Access(hosts=(host,)).check(host)


def test_who_is_named_may_be_asked() -> None:
    for host in ("models.example.org", "inner.example.org", "10.1.2.3", "192.168.7.7", "2001:db8::7"):
        NAMED.check(host)
    for host in ("other.example.org", "10.2.0.1", "192.168.7.8", "2001:db9::7"):
        with pytest.raises(VersionRejected):
            NAMED.check(host)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_leads_to_no_private_address(address: str) -> None:
    with pytest.raises(RemoteModelUnreachable, match="leads to"):
        NAMED.check_address("models.example.org", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "10.1.2.3", "192.168.7.7", "::ffff:10.1.2.3"])
def test_it_leads_to_public_ones_and_to_those_that_are_named_too(address: str) -> None:
    NAMED.check_address("models.example.org", address)


def test_the_name_of_this_machine_leads_to_itself_only() -> None:
    Access().check_address("localhost", "127.0.0.1")
    with pytest.raises(RemoteModelUnreachable):
        Access(hosts=("8.8.8.8",)).check_address("localhost", "8.8.8.8")


def test_a_name_is_looked_up_when_it_is_needed_and_what_it_leads_to_is_checked() -> None:
    name = socket.gethostname().lower()
    try:
        found = {one[4][0] for one in socket.getaddrinfo(name, 80)}
    except OSError:
        pytest.skip("needs a machine whose own name leads somewhere")
    access = Access(hosts=(name,))
    access.check(name)
    with pytest.raises(RemoteModelUnreachable, match="leads to"):  # to a private address, as machines' names do
        access.addresses(name, 80)
    assert set(Access(hosts=(name, *map(str, found))).addresses(name, 80)) == found


def test_a_name_that_nobody_has_is_unreachable() -> None:
    with pytest.raises(RemoteModelUnreachable, match="not known"):
        Access(hosts=("nobody.invalid",)).addresses("nobody.invalid", 80)
    with pytest.raises(RemoteModelUnreachable, match="not known"):
        Access().addresses("a" * 64 + ".invalid", 80)
