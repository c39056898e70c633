"""Who is examined, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from ..auth import Keyring
from ..core import Timeouts
from ..frame import Mode, Revision
from ..net import Runtime
from ..wire import Endpoint

_TIMEOUTS: Final = Timeouts(handshake=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is examined, and as whom; the arguments are those of `connect`, but for `auth`, which is a keyring or None.

    `Timeouts.handshake` is how long any one question may take.
    """

    address: str
    name: str = "client.admin"
    auth: Keyring | None = field(default=None, repr=False)
    modes: tuple[Mode, ...] = ()
    revisions: frozenset[Revision] = frozenset({Revision.REV1})
    timeouts: Timeouts = _TIMEOUTS
    cluster: str = ""
    """The cluster of nodes that we say we are of, where the peer is a node too."""
    reverse: str = ""
    """An address of this host, `v2:IP:PORT`, at which such a peer may dial us back; none asks for nothing."""
    runtime: Runtime = field(default_factory=Runtime, repr=False)

    @property
    def endpoint(self) -> Endpoint:
        """The address in its parts; raises ConfigError."""
        return Endpoint.parse(self.address)

    @property
    def patience(self) -> float:
        """Seconds that one question may take."""
        return self.timeouts.handshake

    def at(self, sockaddr: tuple[str | int, ...]) -> str:
        """Return one of the addresses behind the endpoint, as it is written: `v2:IP:PORT[/NONCE]`."""
        host = str(sockaddr[0])
        if len(sockaddr) > 3 and sockaddr[3] and "%" not in host:
            host = f"{host}%{sockaddr[3]}"
        return str(replace(self.endpoint, host=host))
