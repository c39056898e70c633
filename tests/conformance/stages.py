"""Servers to be judged: honest or not, by the credentials they ask for and the sessions they keep."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

from msgr import CryptoKey, Keyring, Mode, Policy, Revision, Timeouts
from msgr.auth import CephxServer, Dice, GlobalIds, NoneServer, RotatingSecrets, ServerMethod
from msgr.auth.key import KeyType
from msgr.core import Connection, ServerConfig
from msgr.interconnect import Node
from msgr.interconnect.gatekeeper import Gatekeeper
from msgr.interconnect.membership import Membership
from msgr.session import Policies, SessionTable
from msgr.testing.sockets import RawStream
from msgr.wire import EntityAddr, EntityName

from .liar import Lie, Play, lying

ADMIN: Final = "client.admin"


def _ring() -> Keyring:
    ring = Keyring()
    ring.add(ADMIN, CryptoKey.generate(secrets.token_bytes, 1.0, KeyType.AES256K), {"mon": "allow *"})
    return ring


RING: Final = _ring()
NODE: Final = Node(id=7, cluster="prod", host="seven.example")


@dataclass(frozen=True)
class Kind:
    """What a server asks for, and the sessions that it keeps."""

    cephx: bool
    policy: Policy
    is_node: bool = False
    """Whether it offers the extension."""

    def node(self) -> Gatekeeper | None:
        """Return who it is, as a node."""
        return Gatekeeper(Membership(NODE), part_limit=1 << 26) if self.is_node else None

    @property
    def key(self) -> CryptoKey | None:
        """The key that it asks for."""
        return RING.get(ADMIN).key if self.cephx else None

    def method(self) -> ServerMethod:
        """Return what authenticates its clients."""
        if not self.cephx:
            return NoneServer(GlobalIds())
        return CephxServer(RING, secrets=RotatingSecrets(secrets.token_bytes), global_ids=GlobalIds())


KINDS: Final = {
    "cephx-lossy": Kind(True, Policy.stateless_server()),
    "cephx-lossless": Kind(True, Policy.stateful_server()),
    "none-lossy": Kind(False, Policy.stateless_server()),
    "none-lossless": Kind(False, Policy.stateful_server()),
    "none-node": Kind(False, Policy.stateful_server(), is_node=True),
}


@asynccontextmanager
async def serving(kind: Kind, lie: Lie, *, handshake: float = 10.0) -> AsyncIterator[str]:
    """Run a server; yields its address."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        address = f"v2:127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        config = ServerConfig(
            name=EntityName.parse("mon.a"),
            addresses=(EntityAddr.parse(address),),
            methods=(kind.method(),),
            modes=(Mode.SECURE, Mode.CRC) if kind.cephx else (),
            revisions=frozenset(Revision),
            policies=Policies(kind.policy),
            timeouts=Timeouts(handshake=handshake),
            node=kind.node(),
        )
        table = SessionTable()

        async def hold(stream: anyio.abc.SocketStream) -> None:
            raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
            seen = EntityAddr.parse(f"v2:127.0.0.1:{stream.extra(anyio.abc.SocketAttribute.remote_port)}")

            def make(dice: Dice) -> Connection:
                return Connection(config, dice=dice, peer_address=seen, sessions=table)

            async with RawStream(raw.dup()) as own:
                await stream.aclose()
                await Play(lying(make, lie), own, lie).run()

        tasks.start_soon(listener.serve, hold)
        yield address
        tasks.cancel_scope.cancel()
