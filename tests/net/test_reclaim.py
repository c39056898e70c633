"""A global id is claimed again, and refused: the client begins anew, once. Who claimed nothing is refused at once."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import AuthRefused, CryptoKey, Keyring, Message, Messenger, Outcome, Policy, Runtime, Session, Timeouts
from msgr.auth import CephxClient, CephxServer, GlobalIds, RotatingSecrets
from msgr.net.events import SessionConnected, SessionEnded, SessionEvent, SessionReset, SessionResumed
from msgr.testing import ChaosProxy, HandClock
from msgr.wire import EntityName

from .leaks import reaches, until
from .streams import MemoryStream
from .world import ADMIN, BOUND, LOOPBACK, address, dialled, echo_all, echoing, keyring

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

NAME: Final = EntityName.parse(ADMIN)
YEAR: Final = 365 * 86400.0
QUICK: Final = Timeouts(initial_backoff=0.01, max_backoff=0.05, close=0.1)


class Office:
    """A cluster's keys and secrets, and a clock of its own, which can leave the clients' behind."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.keyring = keyring(ADMIN)
        self.client = CephxClient(NAME, self.keyring.get(ADMIN).key)
        self._server = CephxServer(
            self.keyring, secrets=RotatingSecrets(secrets.token_bytes), global_ids=GlobalIds(5000)
        )

    @property
    def serving(self) -> dict[str, Any]:
        """How its servers are set up."""
        return {"auth": (self._server,), "runtime": Runtime(wall=self.clock.wall), "timeouts": QUICK}

    def change_the_key(self) -> None:
        """Give the client another key than it knows."""
        self.keyring.add(NAME, CryptoKey.generate(secrets.token_bytes, 1.0), {"mon": "allow *"})


async def has_seen(server: Messenger, connections: int, *, refused: int) -> None:
    """Check how many connections a server took; it notes a refusal when the client is gone, which may be later."""
    await reaches(lambda: server.stats.failed, refused)
    assert (server.stats.accepted, server.stats.failed) == (connections, refused)


async def test_secrets_that_rotated_away() -> None:
    """The client's clock holds its ticket for good, the server's does not: one more try, with a new id."""
    office = Office()
    async with echoing(**office.serving) as server:
        async with dialled(server, auth=(office.client,)) as session:
            assert session.peer.login.global_id == 5000
        async with dialled(server, auth=(office.client,)) as session:
            assert session.peer.login.global_id == 5000
        assert server.stats.accepted == 2
        office.clock.turn(YEAR)
        async with dialled(server, auth=(office.client,)) as session:
            assert session.peer.login.global_id == office.client.global_id == 5001
        await has_seen(server, 4, refused=1)


async def test_a_key_that_is_wrong_by_now() -> None:
    """A claim may be what is refused, so there is one more try, and only one."""
    office = Office()
    async with echoing(**office.serving) as server:
        async with dialled(server, auth=(office.client,)):
            pass
        office.change_the_key()
        with anyio.fail_after(BOUND), pytest.raises(AuthRefused) as caught:
            async with dialled(server, auth=(office.client,)):
                pass
        assert (caught.value.result, caught.value.again) == (-13, False)
        await has_seen(server, 3, refused=2)
        with anyio.fail_after(BOUND), pytest.raises(AuthRefused):
            async with dialled(server, auth=(office.client,)):
                pass
        await has_seen(server, 4, refused=3)


@pytest.mark.parametrize("persistent", [False, True])
async def test_who_claims_nothing_is_refused_at_once(persistent: bool) -> None:
    office = Office()
    office.change_the_key()
    async with echoing(**office.serving) as server:
        with anyio.fail_after(BOUND), pytest.raises(AuthRefused) as caught:
            async with kept(office, server) if persistent else dialled(server, auth=(office.client,)):
                pass
        assert not caught.value.again
        await has_seen(server, 1, refused=1)


async def test_a_refusal_before_the_proof_is_final() -> None:
    """The claim was not looked at, so it stays."""
    office = Office()
    async with echoing(**office.serving, modes=(msgr.Mode.SECURE,)) as server:
        async with dialled(server, auth=(office.client,)):
            pass
        with anyio.fail_after(BOUND), pytest.raises(AuthRefused) as caught:
            async with dialled(server, auth=(office.client,), modes=(msgr.Mode.CRC,)):
                pass
        assert (caught.value.result, caught.value.again) == (-95, False)
        assert server.stats.accepted == 2
        assert office.client.global_id == 5000


async def test_there_is_no_second_stream_that_was_given() -> None:
    """The error says that another try may go better; it is for the user to make it."""
    office = Office()
    async with echoing(**office.serving) as server:
        async with dialled(server, auth=(office.client,)):
            pass
        office.clock.turn(YEAR)
        one, other = MemoryStream.pair()
        options: dict[str, Any] = {"name": ADMIN, "auth": (office.client,)}

        async def accept() -> None:
            with suppress(msgr.MsgrError):
                async with msgr.accept(other, address(server), name="mon.a", **office.serving):
                    pass

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(accept)
                with pytest.raises(AuthRefused) as caught:
                    async with msgr.connect(address(server), stream=one, **options):
                        pass
        assert caught.value.again
        assert server.stats.accepted == 1
        async with dialled(server, auth=(office.client,)):
            pass


def messenger(office: Office) -> Messenger:
    """Return a client whose sessions outlive their connections."""
    policy = Policy.lossless_client()
    return Messenger(ADMIN, auth=None, client_auth=(office.client,), policy=policy, timeouts=QUICK)


@asynccontextmanager
async def kept(office: Office, server: Messenger) -> AsyncIterator[Session]:
    """Hold a lossless session, which is dialled again and again where that may help."""
    async with messenger(office) as node:
        session = node.session(address(server))
        await session.ready()
        yield session


@asynccontextmanager
async def cuttable(office: Office) -> AsyncIterator[tuple[ChaosProxy, Messenger, Session]]:
    """Hold a lossless session with an echoing server, through a proxy."""
    async with ChaosProxy() as proxy:
        policy, advertise = Policy.stateful_server(), proxy.address
        async with echoing(**office.serving, policy=policy, advertise=advertise) as server, messenger(office) as node:
            proxy.target = str(server.listening[0])
            session = node.session(proxy.address)
            await say(session, 1)
            yield proxy, server, session


async def say(session: Session, tid: int) -> None:
    """Send a message, and hear it again."""
    with anyio.fail_after(BOUND):
        receipt = await session.send(Message(type=1, tid=tid))
        assert (await session.receive()).tid == tid
        assert await receipt is Outcome.ACKNOWLEDGED


async def test_a_session_goes_on_under_another_id() -> None:
    """A lossless session is resumed after an outage that was longer than the tickets lived: nothing is lost of it."""
    office = Office()
    async with cuttable(office) as (proxy, server, session):
        assert session.peer.login.global_id == 5000
        with session.events() as events:
            office.clock.turn(YEAR)
            proxy.cut(reset=True)
            await say(session, 2)
            assert session.peer.login.global_id == 5001
            await has_seen(server, 3, refused=1)
            session.abort()
            seen: list[type[SessionEvent]] = [type(event) async for event in events]
        assert seen[1:] == [SessionResumed, SessionEnded]


async def test_a_session_whose_key_was_taken_away_is_over() -> None:
    office = Office()
    async with cuttable(office) as (proxy, server, session):
        office.change_the_key()
        proxy.cut(reset=True)
        with anyio.fail_after(BOUND), pytest.raises(AuthRefused):
            await session.receive()
        await has_seen(server, 3, refused=2)


async def test_a_server_that_begins_anew() -> None:
    """It was started again, and has other secrets: the client comes back, and is told that its session was lost."""
    office = Office()
    async with messenger(office) as node:
        async with restarting(office.keyring) as at:
            session = node.session(at)
            await say(session, 1)
        await until(lambda: not session.connected)
        with session.events() as events:
            async with restarting(office.keyring, at):
                with anyio.fail_after(BOUND):
                    assert [type(await anext(events)) for _ in range(2)] == [SessionReset, SessionConnected]
                await say(session, 2)


@asynccontextmanager
async def restarting(ring: Keyring, at: str = f"{LOOPBACK}/7") -> AsyncIterator[str]:
    """Run an echoing server that makes up its own secrets, at an address that can be used again."""
    async with (
        msgr.serve(at, name="mon.a", auth=ring, policy=Policy.stateful_server()) as server,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(echo_all, server)
        yield str(server.addresses[0])
        tasks.cancel_scope.cancel()
