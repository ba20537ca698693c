"""Whom a remote model may ask: this machine, and beyond it only hosts that the operator names."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.errors import RemoteModelUnreachable, VersionRejected
from assay.serving.endpoints.networks import Network, literal, meant, misspelt, networks, public, within

OWN = "localhost"
_TOLD = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, kw_only=True)
class Access:
    """The hosts that may be asked besides this machine, and the secrets that they may be told, by name.

    A host is a name, an address or a network such as `10.1.0.0/16`. A name leads to public addresses only, unless the
    address it leads to is named too.
    """

    hosts: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def check(self, host: str) -> None:
        """Raises VersionRejected where the host may not be asked, whatever its address."""
        address = literal(host)
        if address is not None:
            known = all(one.is_loopback or within(one, self._networks) for one in meant(address))
        else:
            known = host == OWN or host in self._listed
        if misspelt(host):
            raise VersionRejected(f"The remote model's host {host!r} is no name, and no address as it is written.")
        if not known:
            raise VersionRejected(
                f"The remote model's host {host!r} is not of this machine, and the setting remote_hosts does not name it."
            )

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that was checked, in the order in which they are to be tried; looked up at this moment.

        Raises RemoteModelUnreachable where there is none, or where one of them may not be asked.
        """
        address = literal(host)
        if address is not None:
            return [str(address)]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as unknown:
            raise RemoteModelUnreachable(f"The remote model's host {host!r} is not known: {unknown}.") from unknown
        told = list(dict.fromkeys(str(one[4][0]) for one in found))
        for one in told:
            self.check_address(host, one)
        return told

    def secret(self, name: str) -> str:
        """The secret of this name; raises VersionRejected."""
        if name not in self.secrets:
            raise VersionRejected(
                f"The remote model needs the secret {name[:80]!r}, which remote_secrets does not name."
            )
        if not _TOLD.fullmatch(self.secrets[name]):
            raise VersionRejected(f"The secret {name[:80]!r} cannot stand in a header: it is not printable ASCII.")
        return self.secrets[name]

    def check_address(self, host: str, address: str) -> None:
        """Raises RemoteModelUnreachable where a host's name leads to an address that may not be asked."""
        found = ipaddress.ip_address(address.partition("%")[0])
        reached = meant(found)
        if host == OWN:
            good = all(one.is_loopback for one in reached)
        else:
            good = public(found) or all(within(one, self._networks) for one in reached)
        if not good:
            raise RemoteModelUnreachable(
                f"The remote model's host {host!r} leads to {found}, which the setting remote_hosts does not name."
            )

    @property
    def _listed(self) -> frozenset[str]:
        return frozenset(host.lower() for host in self.hosts)

    @property
    def _networks(self) -> list[Network]:
        return networks(self.hosts)
