"""What an address is, whatever its spelling: which packets to it would reach whom, and whether it belongs to a network."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# IPv4 addresses as translators write them in IPv6, today (RFC 6052) and once (RFC 2765)
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::ffff:0:0:0/96"))
_COMPATIBLE = ipaddress.ip_network(
    "::/96"
)  # and as they were written before (RFC 4291, 2.5.5.1); but for ::1 and its like
_LEAST = 0x1_0000
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")


def literal(host: str) -> Address | None:
    """The address that the host is, written as addresses are; other spellings of one are names that nobody has."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def misspelt(host: str) -> bool:
    """Whether the host looks like a number and is no address as it is written."""
    return literal(host) is None and _NUMBERS.fullmatch(host.rpartition(".")[2]) is not None


def networks(hosts: Iterable[str]) -> list[Network]:
    """Those of the hosts that are networks or addresses."""
    found = []
    for host in hosts:
        try:
            found.append(ipaddress.ip_network(host, strict=False))
        except ValueError:
            continue
    return found


def within(address: Address, known: Iterable[Network]) -> bool:
    """Whether the address belongs to one of the networks."""
    return any(address in network for network in known)


def meant(address: Address) -> list[Address]:
    """The addresses that packets to this one may reach: it, or those that it is a spelling or a wrapping of."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if within(address, _TRANSLATED) or (address in _COMPATIBLE and int(address) >= _LEAST):
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    return [address, *(address.teredo or ())]


def public(address: Address) -> bool:
    """Whether everything that packets to the address may reach is of the open internet."""
    return all(one.is_global and not one.is_multicast for one in meant(address))
