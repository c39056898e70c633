"""Clients to be judged: honest or not, they dial again for as long as they are let."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio

from msgr import Keyring, Message, Mode, Policy, Revision, Timeouts
from msgr.auth import CephxClient, ClientMethod, Dice, NoneClient
from msgr.core import ClientConfig, Connection
from msgr.interconnect.gatekeeper import Gatekeeper
from msgr.interconnect.membership import Membership
from msgr.net.dial import dial
from msgr.session import PeerSession, Phase, SessionTable
from msgr.testing.sockets import RawStream
from msgr.wire import Endpoint, EntityAddr, EntityName

from .liar import Lie, Play, lying
from .stages import ADMIN, NODE, RING

_PAUSE: Final = 0.005


@dataclass(frozen=True)
class Habit:
    """How a client authenticates, and what it wants its sessions to be."""

    cephx: bool
    policy: Policy
    is_node: bool = False
    """Whether it offers the extension."""

    @property
    def ring(self) -> Keyring | None:
        """What its server has to know."""
        return RING if self.cephx else None

    def method(self) -> ClientMethod:
        """Return a method without a past."""
        name = EntityName.parse(ADMIN)
        return CephxClient(name, RING.get(ADMIN).key) if self.cephx else NoneClient(name)


HABITS: Final = {
    "cephx-lossless": Habit(True, Policy.lossless_client()),
    "none-lossy": Habit(False, Policy.lossy_client()),
    "none-node": Habit(False, Policy.lossy_client(), is_node=True),
}


async def _say_something(connection: Connection) -> None:
    for tid in range(3):
        connection.send_message(Message(type=2, tid=tid))


async def keep_dialling(address: str, habit: Habit, lie: Lie, *, handshake: float = 10.0) -> None:
    """Dial, and again when that ends, until it is cancelled."""
    endpoint, target = Endpoint.parse(address), EntityAddr.parse(address)
    table = SessionTable()
    session = PeerSession(habit.policy, (target,))
    while True:
        with suppress(OSError):
            connected, _ = await dial(endpoint)
            if session.phase is Phase.CLOSED:
                session = PeerSession(habit.policy, (target,))
            if session.server_cookie:
                session.connect_seq += 1
            config = ClientConfig(
                name=EntityName.parse(ADMIN),
                target=target,
                methods=(habit.method(),),
                modes=(Mode.SECURE, Mode.CRC) if habit.cephx else (),
                revisions=frozenset({Revision.REV1}),
                timeouts=Timeouts(handshake=handshake),
                node=Gatekeeper(Membership(NODE)) if habit.is_node else None,
            )
            held = session

            def make(dice: Dice, config: ClientConfig = config, held: PeerSession = held) -> Connection:
                return Connection(config, dice=dice, sessions=table, session=held)

            await Play(lying(make, lie), RawStream(connected), lie, echo=False, ready=_say_something).run()
        await anyio.sleep(_PAUSE)
