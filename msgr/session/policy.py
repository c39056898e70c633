"""Which promises a session makes: seven policies, chosen by the type of the peer (SESSION-POLICY-1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from ..errors import ConfigError
from ..wire import EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which promises a session makes, and which end has to make the connection.

    ===========================  =====  ======  =======  ==========  ========  ==================================
    policy                       lossy  server  standby  resetcheck  register  who uses it
    ===========================  =====  ======  =======  ==========  ========  ==================================
    lossy_client                 yes    no      no       no          yes       clients to monitors, OSDs, managers
    lossless_client              no     no      no       yes         yes       file-system clients to MDSs
    stateful_server              no     yes     yes      yes         yes       MDSs to clients
    stateless_server             yes    yes     no       no          no        monitors to clients
    stateless_registered_server  yes    yes     no       no          yes       OSDs to clients
    lossless_peer                no     no      yes      no          yes       OSDs among themselves
    lossless_peer_reuse          no     no      yes      yes         yes       monitors among themselves
    ===========================  =====  ======  =======  ==========  ========  ==================================
    """

    name: str
    lossy: bool = False
    """Nothing survives the connection, and nothing is acknowledged."""
    server: bool = False
    """This end never dials."""
    standby: bool = False
    """With nothing to send, a lost connection is not made anew until there is something."""
    resetcheck: bool = False
    """A peer that lost its state makes us forget ours."""
    register: bool = True
    """The session is found again by the peer's addresses."""

    @classmethod
    def lossy_client(cls) -> Self:
        """What clients are to monitors, OSDs and managers."""
        return cls(name="lossy_client", lossy=True)

    @classmethod
    def lossless_client(cls) -> Self:
        """What file-system clients are to MDSs."""
        return cls(name="lossless_client", resetcheck=True)

    @classmethod
    def stateful_server(cls) -> Self:
        """What MDSs are to clients."""
        return cls(name="stateful_server", server=True, standby=True, resetcheck=True)

    @classmethod
    def stateless_server(cls) -> Self:
        """What monitors are to clients."""
        return cls(name="stateless_server", lossy=True, server=True, register=False)

    @classmethod
    def stateless_registered_server(cls) -> Self:
        """What OSDs are to clients: one connection a client, the newest."""
        return cls(name="stateless_registered_server", lossy=True, server=True)

    @classmethod
    def lossless_peer(cls) -> Self:
        """What OSDs are among themselves."""
        return cls(name="lossless_peer", standby=True)

    @classmethod
    def lossless_peer_reuse(cls) -> Self:
        """What monitors are among themselves."""
        return cls(name="lossless_peer_reuse", standby=True, resetcheck=True)


@dataclass(frozen=True, slots=True)
class Policies:
    """A policy for every type of peer: that of its type, or the default."""

    default: Policy
    by_type: Mapping[int, Policy] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def given(cls, policy: Policy | None, policies: Policies | None) -> Policies:
        """Return what an owner gave of the two; raises ConfigError unless it is one of them."""
        if policy is not None and policies is None:
            return cls(policy)
        if policies is not None and policy is None:
            return policies
        raise ConfigError("a messenger has either one policy, or policies by the type of the peer")

    def of(self, entity_type: EntityType | int) -> Policy:
        """Return the policy towards peers of this type."""
        return self.by_type.get(entity_type, self.default)


STATELESS_SERVER: Final = Policies(Policy.stateless_server())
