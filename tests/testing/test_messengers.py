"""Messengers whose protocol is held at a step, and what probes and chaos have brought to light."""

from __future__ import annotations

from time import time

import anyio
import pytest

from msgr import Keyring, Limits, Message, Messenger, Mode, Outcome, Policy, Runtime, Timeouts, connect, serve
from msgr.core import ClientConfig, Connection
from msgr.frame import Tag
from msgr.net.methods import client_methods
from msgr.testing import Direction, FixedDice, Probes, Then
from msgr.wire import EntityName

from ..net.leaks import until
from ..net.world import ADMIN, KEYRING, LOOPBACK, keyring

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LIMIT = 20.0
HURRIED = Timeouts(initial_backoff=0.01, max_backoff=0.05)
PEERS = keyring("osd.0", "osd.1")
HANDLING, SENDING = Direction.HANDLING, Direction.SENDING


def peer(number: int, probes: Probes | None = None, *, auth: Keyring = PEERS) -> Messenger:
    """Return one of two peers."""
    return Messenger(
        f"osd.{number}",
        auth=auth,
        policy=Policy.lossless_peer(),
        listen=f"{LOOPBACK}/{number + 1}",
        timeouts=HURRIED,
        runtime=Runtime(trace=probes),
    )


async def test_a_dialler_is_held_fails_and_comes_again() -> None:
    probes = Probes()
    ident = probes.at(SENDING, Tag.CLIENT_IDENT)
    with anyio.fail_after(LIMIT):
        async with peer(0) as one, peer(1, probes) as two:
            session = two.session(str(one.addresses[0]))
            receipt = await session.send(Message(type=1))
            connection = await ident.hit()
            assert connection.dialled
            assert not session.connected
            again = probes.at(SENDING, Tag.CLIENT_IDENT)
            ident.fail()
            await again.hit()
            assert not session.connected
            again.go_on()
            assert await receipt is Outcome.ACKNOWLEDGED
            assert probes.passed(SENDING, Tag.CLIENT_IDENT) == 2
            await anext(one)


@pytest.mark.parametrize("then", [Then.FAIL, Then.STOP])
async def test_a_session_resumes_where_a_message_was_handled(then: Then) -> None:
    ours, theirs = Probes(), Probes()
    theirs.at(HANDLING, Tag.MESSAGE, nth=2, then=then)
    with anyio.fail_after(LIMIT):
        async with peer(0, theirs) as one, peer(1, ours) as two:
            session = two.session(str(one.addresses[0]))
            receipts = [await session.send(Message(type=1, tid=tid)) for tid in range(5)]
            taken = await anext(one)
            assert [(await taken.receive()).tid for _ in range(5)] == list(range(5))
            assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}
            assert ours.passed(SENDING, Tag.SESSION_RECONNECT) == 1
            assert theirs.passed(SENDING, Tag.SESSION_RECONNECT_OK) == 1
            assert theirs.passed(SENDING, Tag.SESSION_RECONNECT) == 0


async def test_a_messenger_that_is_held_receives_what_waits_when_it_goes_on() -> None:
    theirs = Probes()
    first = theirs.at(HANDLING, Tag.MESSAGE)
    with anyio.fail_after(LIMIT):
        async with peer(0, theirs) as one, peer(1) as two:
            session = two.session(str(one.addresses[0]))
            receipts = [await session.send(Message(type=1, tid=tid)) for tid in range(3)]
            await first.hit()
            taken = await anext(one)
            assert taken.stats.inbox == 0
            first.go_on()
            assert [(await taken.receive()).tid for _ in range(3)] == [0, 1, 2]
            assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


async def test_an_acknowledgement_makes_room_for_senders() -> None:
    """A peer that only acknowledges reports nothing; those who wait for room have to be woken all the same."""
    count = 200
    arrived: list[int] = []

    async def take(server: Messenger) -> None:
        async for message in await anext(server):
            arrived.append(message.tid)

    with anyio.fail_after(LIMIT):
        async with (
            serve(LOOPBACK, name="mds.a", auth=KEYRING, policy=Policy.stateful_server()) as server,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(take, server)
            async with connect(
                str(server.addresses[0]),
                name=ADMIN,
                auth=KEYRING,
                policy=Policy.lossless_client(),
                limits=Limits(outbox=10_000),
            ) as session:
                for tid in range(count):
                    await session.send(Message(type=1, tid=tid, front=bytes(1000)))
            await until(lambda: len(arrived) == count)
            tasks.cancel_scope.cancel()


async def test_a_server_without_a_key_of_its_own_takes_sessions_in_secure_mode() -> None:
    """It never dials, so nothing may ask how it would prove itself if it did."""
    with anyio.fail_after(LIMIT):
        async with (
            serve(
                LOOPBACK, name="mds.a", auth=KEYRING, policy=Policy.stateful_server(), modes=(Mode.SECURE,)
            ) as server,
            connect(str(server.addresses[0]), name=ADMIN, auth=KEYRING, policy=Policy.lossless_client()) as session,
        ):
            receipt = await session.send(Message(type=1))
            await (await anext(server)).receive()
            assert await receipt is Outcome.ACKNOWLEDGED


async def test_a_dial_that_is_not_needed_any_more_ends_at_once() -> None:
    """Both dial, and one connection wins: who drives the other must be told, not wait until its peer hangs up."""
    theirs = Probes()
    ident = theirs.at(SENDING, Tag.CLIENT_IDENT, dialled=True)
    with anyio.fail_after(LIMIT):
        async with peer(0) as low, peer(1, theirs) as high:
            high.session(str(low.addresses[0]))
            await ident.hit()
            await low.session(str(high.addresses[0])).ready()  # the lower address wins
            await until(lambda: low.stats.failed == 1)  # the other has hung up, much sooner than a handshake may take


async def test_a_peer_that_breaks_the_rules_at_once_ends_its_own_connection_alone() -> None:
    """The frame that breaks them comes in one piece with the one that makes the session ready."""
    probes = Probes()
    with anyio.fail_after(LIMIT):
        async with peer(0) as server:
            at = server.addresses[0]
            config = ClientConfig(
                name=EntityName.parse("osd.1"), target=at, methods=client_methods(EntityName.parse("osd.1"), PEERS)
            )
            connection = Connection(config, dice=FixedDice(), trace=probes)
            ident = probes.at(SENDING, Tag.CLIENT_IDENT)
            connection.start(now=0.0, wall=time())
            async with await anyio.connect_tcp(str(at.host), at.port) as stream:
                while not ident.was_hit:
                    await stream.send(b"".join(connection.data_to_send()))
                    connection.receive_data(await stream.receive(), now=0.0)
                ident.go_on()
                await stream.send(b"".join(connection.data_to_send()) + bytes(200))
                async for _ in stream:
                    pass  # until it hangs up
            async with peer(1) as other:
                receipt = await other.session(str(at)).send(Message(type=1))
                assert await receipt is Outcome.ACKNOWLEDGED
