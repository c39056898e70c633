"""Sessions with managers and OSDs, which are opened when they are needed, with a ticket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import EntityType, Message, Messenger, Mode, Session
from msgr.auth import RotatingSecrets
from msgr.auth.cephx import CephxServiceServer, RotatingSecret
from msgr.errors import AuthRefused, ConfigError, ConnectFailed, OutcomeUnknown, PeerError
from msgr.mon import Cluster, MgrMap, Result
from msgr.mon.messages import Command, CommandReply, MessageType, MgrCommandReply, MonCommand, MonCommandAck
from tests.net.leaks import until
from tests.net.raw import listening
from tests.net.world import BOUND, LOOPBACK

from .monitor import Monitor, client, cluster

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

BOTH: Final = (Mode.CRC, Mode.SECURE)


@dataclass
class Forgetful:
    """The secrets of a daemon that does not know them for a while."""

    secrets: RotatingSecrets
    unknown: int = 0
    """How many tickets it will not be able to open."""
    shown: int = 0

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        """Return a secret, if it is known."""
        self.shown += 1
        return None if self.shown <= self.unknown else self.secrets.find(service, secret_id, now)


@dataclass
class Daemon:
    """A manager or an OSD that gives back what it is told."""

    node: Messenger
    secrets: Forgetful
    sessions: list[Session] = field(default_factory=list)
    told: list[Message] = field(default_factory=list)
    deaf: int = 0
    """How many commands it will drop its client over."""

    @property
    def map(self) -> MgrMap:
        """The map that leads to it, if it is a manager."""
        return MgrMap(epoch=5, addresses=self.node.addresses, gid=4100, available=True, name="x")

    async def run(self) -> None:
        """Serve all who come."""
        async with anyio.create_task_group() as tasks:
            async for session in self.node:
                self.sessions.append(session)
                tasks.start_soon(self._serve, session)

    async def _serve(self, session: Session) -> None:
        try:
            async with session:
                async for message in session:
                    self.told.append(message)
                    if len(self.told) <= self.deaf:
                        session.abort()
                        return
                    reply = CommandReply if message.type == MessageType.COMMAND else MgrCommandReply
                    await session.send(reply(code=0, status="").message(tid=message.tid, data=message.data))
        except msgr.MsgrError:
            pass  # the client knows


@asynccontextmanager
async def daemon(
    monitor: Monitor, name: str, service: EntityType, *, unknown: int = 0, modes: Sequence[Mode] = ()
) -> AsyncIterator[Daemon]:
    """Run a daemon, and let the monitor lead to it."""
    secrets = Forgetful(monitor.secrets, unknown)
    async with (
        msgr.serve(LOOPBACK, name=name, auth=[CephxServiceServer(service, secrets)], modes=modes) as node,
        anyio.create_task_group() as tasks,
    ):
        found = Daemon(node, secrets)
        tasks.start_soon(found.run)
        finds(monitor, str(node.addresses[0]))
        yield found
        tasks.cancel_scope.cancel()


def finds(monitor: Monitor, address: str) -> None:
    """Let the monitor say that osd.0 is at this address, and no other OSD anywhere."""
    where, _, nonce = address.removeprefix("v2:").rpartition("/")
    places = [{"type": "v1", "addr": "127.0.0.1:1", "nonce": 0}, {"type": "v2", "addr": where, "nonce": int(nonce)}]
    says(monitor, {"osd": 0, "addrs": {"addrvec": places}})


def says(monitor: Monitor, document: object) -> None:
    """Let the monitor answer the question where osd.0 is."""

    async def act(monitor: Monitor, session: Session, message: Message) -> None:
        asked = json.loads(MonCommand.decode(message.front).command[0])
        known = asked == {"prefix": "osd find", "id": 0, "format": "json"}
        ack = MonCommandAck(code=0 if known else -2, status="" if known else f"osd.{asked.get('id')} does not exist")
        data = json.dumps(document).encode() if known else b""
        await session.send(ack.message(tid=message.tid, data=data))

    monitor.act = act


async def test_many_tell_an_osd_over_one_session() -> None:
    async with cluster() as (monitor,), client(monitor) as admin, daemon(monitor, "osd.0", EntityType.OSD) as osd:
        answered: dict[int, Result] = {}

        async def tell(number: int) -> None:
            answered[number] = await admin.tell("osd.0", "echo", b"%d" % number)

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(tell, number)
        assert {number: result.output for number, result in answered.items()} == {n: b"%d" % n for n in range(50)}
        assert len(osd.sessions) == 1
        identity = osd.sessions[0].peer.login.identity
        assert identity is not None
        assert (str(identity.name), identity.global_id) == ("client.admin", admin.global_id)
        assert {Command.decode(message.front).fsid for message in osd.told} == {admin.fsid.bytes}
        assert len(monitor.commands) == 1  # it was asked for the address once


@pytest.mark.parametrize(
    ("given", "to_monitor", "to_osd"),
    [
        ({"modes": (Mode.CRC,), "daemon_modes": (Mode.SECURE,)}, Mode.CRC, Mode.SECURE),
        ({"modes": (Mode.SECURE,), "daemon_modes": (Mode.CRC,)}, Mode.SECURE, Mode.CRC),
        ({"modes": (Mode.CRC,)}, Mode.CRC, Mode.CRC),
    ],
)
async def test_osds_have_modes_of_their_own(given: dict[str, Any], to_monitor: Mode, to_osd: Mode) -> None:
    """As ms_mon_client_mode and ms_client_mode have it."""
    async with (
        cluster(modes=BOTH) as (monitor,),
        client(monitor, **given) as admin,
        daemon(monitor, "osd.0", EntityType.OSD, modes=BOTH) as osd,
    ):
        await admin.tell("osd.0", "echo")
        assert [session.peer.login.mode for session in monitor.node.sessions] == [to_monitor]
        assert [session.peer.login.mode for session in osd.sessions] == [to_osd]


async def test_an_osd_that_drops_its_client() -> None:
    async with cluster() as (monitor,), client(monitor) as admin, daemon(monitor, "osd.0", EntityType.OSD) as osd:
        osd.deaf = 3
        with pytest.raises(OutcomeUnknown):
            await admin.tell("osd.0", "set")
        assert len(osd.told) == 1  # MON-3
        assert (await admin.tell("osd.0", "get", b"!", repeat=True)).output == b"!"
        assert len(osd.told) == len(osd.sessions) == 4


async def test_an_osd_that_does_not_know_the_secret_of_a_ticket() -> None:
    """Another ticket is asked for, once (RENEWAL-8)."""
    async with (
        cluster() as (monitor,),
        client(monitor) as admin,
        daemon(monitor, "osd.0", EntityType.OSD, unknown=1) as osd,
    ):
        assert (await admin.tell("osd.0", "get", b"!")).output == b"!"
        assert (osd.secrets.shown, monitor.renewals) == (2, 1)


async def test_an_osd_that_refuses_every_ticket() -> None:
    async with (
        cluster() as (monitor,),
        client(monitor) as admin,
        daemon(monitor, "osd.0", EntityType.OSD, unknown=1000) as osd,
    ):
        with pytest.raises(AuthRefused):
            await admin.tell("osd.0", "get")
        assert (osd.secrets.shown, osd.sessions) == (2, [])
        assert admin.connected


async def test_a_ticket_that_comes_from_the_next_session() -> None:
    """The monitor is lost while a ticket is waited for."""
    async with cluster() as (monitor,), client(monitor) as admin, daemon(monitor, "osd.0", EntityType.OSD):
        tickets = admin._monitors.tickets
        assert tickets is not None
        monitor.renews = False  # which makes the client come again
        tickets.holder.drop(EntityType.OSD)
        with anyio.fail_after(BOUND):
            assert (await admin.tell("osd.0", "get", b"!", repeat=True)).output == b"!"
        assert len(monitor.sessions) == 2


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"addrs": {}},
        {"addrs": {"addrvec": [{"type": "v2"}]}},
        {"addrs": {"addrvec": [7]}},
        {"addrs": {"addrvec": [{"type": "v2", "addr": "nonsense", "nonce": 0}]}},
        {"addrs": {"addrvec": [{"type": "v2", "addr": "127.0.0.1:80", "nonce": "x"}]}},
        {"addrs": {"addrvec": {"type": "v2"}}},
    ],
)
async def test_answers_that_lead_nowhere(document: object) -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        says(monitor, document)
        with pytest.raises(PeerError, match="MON-5"):
            await admin.tell("osd.0", "get")


async def test_osds_without_an_address() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        says(monitor, {"addrs": {"addrvec": [{"type": "v1", "addr": "127.0.0.1:1", "nonce": 0}]}})
        for name, reason in (("osd.0", "no address of msgr2"), ("osd.7", "osd.7 does not exist")):
            result = await admin.tell(name, "get")
            assert (result.code, reason in result.status) == (-2, True)


async def test_an_osd_that_is_gone() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        finds(monitor, "v2:127.0.0.1:1/77")
        with pytest.raises(ConnectFailed):
            await admin.tell("osd.0", "get")


async def test_giving_up_while_a_session_is_opened() -> None:
    reached = 0

    async def swallow(stream: anyio.abc.SocketStream) -> None:
        nonlocal reached
        reached += 1
        while True:
            await stream.receive()

    async with cluster() as (monitor,), client(monitor) as admin, listening(swallow) as hole:
        finds(monitor, f"{hole}/0")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(admin.tell, "osd.0", "get")
            await until(lambda: reached == 1)
            tasks.cancel_scope.cancel()
        async with daemon(monitor, "osd.0", EntityType.OSD):
            assert (await admin.tell("osd.0", "get", b"!")).output == b"!"


async def tell_mgr(monitor: Monitor, admin: Cluster, mgrmap: MgrMap, daemon: str) -> Result:
    """Tell a manager something, while the monitor has this map of them."""
    found: list[Result] = []

    async def tell() -> None:
        found.append(await admin.tell(daemon, "echo", b"!"))

    monitor.wishes.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
        await until(lambda: bool(monitor.wishes) or bool(found))
        await monitor.sessions[-1].send(Message(type=MessageType.MGR_MAP, front=mgrmap.encode()))
    return found[0]


async def test_managers() -> None:
    async with cluster() as (monitor,), client(monitor) as admin, daemon(monitor, "mgr.x", EntityType.MGR) as mgr:
        for nobody in (MgrMap(epoch=1), MgrMap(epoch=2, addresses=mgr.node.addresses, name="x")):
            assert (await tell_mgr(monitor, admin, nobody, "mgr")).code == -2
        other = await tell_mgr(monitor, admin, mgr.map, "mgr.y")
        assert (other.code, other.status) == (-2, "mgr.y is not the active manager, mgr.x is")
        assert (await tell_mgr(monitor, admin, mgr.map, "mgr")).output == b"!"
        result = await admin.command("pg stat", b"?", manager=True)
        assert result.output == b"?"
        assert [message.type for message in mgr.told] == [MessageType.COMMAND, MessageType.MGR_COMMAND]
        assert len(mgr.sessions) == 1


async def test_another_manager_takes_over() -> None:
    async with (
        cluster() as (monitor,),
        client(monitor) as admin,
        daemon(monitor, "mgr.x", EntityType.MGR) as first,
        daemon(monitor, "mgr.y", EntityType.MGR) as second,
    ):
        assert (await tell_mgr(monitor, admin, first.map, "mgr")).code == 0
        first.sessions[0].abort()
        await until(lambda: admin._daemons._links["mgr"].over)
        assert (await tell_mgr(monitor, admin, second.map, "mgr")).code == 0
        assert len(second.sessions) == 1


async def test_monitors_are_told_over_sessions_of_their_own() -> None:
    async def act(monitor: Monitor, session: Session, message: Message) -> None:
        await session.send(CommandReply(code=0, status=f"{message.type}").message(tid=message.tid))

    async with cluster(2, act=act) as monitors, client(monitors[0]) as admin:
        for number, monitor in enumerate(monitors):
            assert (await admin.tell(f"mon.m{number}", "version")).status == "97"
            ids = {session.peer.login.global_id for session in monitor.sessions}
            assert len(ids) == len(monitor.sessions) == 2 - number
            assert ids != {admin.global_id}
        result = await admin.tell("mon.zz", "version")
        assert (result.code, "mon.zz" in result.status, "m0, m1" in result.status) == (-2, True, True)


@pytest.mark.parametrize("name", ["", "osd", "osd.", "osd.x", "osd.-1", "osd.٣", "mds.a", "client.admin", "MGR"])
async def test_nobody_to_tell(name: str) -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        with pytest.raises(ConfigError, match="nobody to tell"):
            await admin.tell(name, "version")
