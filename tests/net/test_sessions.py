"""What a session promises to those who use it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

import msgr
from msgr import ConnectionLost, Limits, Message
from msgr.errors import ConfigError, MessageTooLarge

from .world import BOUND, LOOPBACK, all_of, dialled, echoing, memory_pair, pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_order_within_a_priority_and_between_them() -> None:
    """What waits together leaves by priority, and in order within one."""
    async with memory_pair() as (near, far):
        await near.send(Message(type=2))  # the first goes at once, what follows waits for the next turn
        for tid in range(60):
            await near.send(Message(type=1, tid=tid, priority=(10, 200, 63)[tid % 3]))
        assert (await far.receive()).type == 2
        got = [await far.receive() for _ in range(60)]
    assert [message.priority for message in got] == [200] * 20 + [63] * 20 + [10] * 20
    assert [message.tid for message in got[:20]] == list(range(1, 60, 3))
    assert [message.tid for message in got[40:]] == list(range(0, 60, 3))
    assert [message.seq for message in got] == list(range(2, 62))


async def test_any_number_of_tasks() -> None:
    """Eight senders, four receivers, three who ping: nothing is lost, and each sender's order is kept."""
    got: list[Message] = []
    pings: list[float] = []
    async with echoing() as server, dialled(server) as session:

        async def send(sender: int) -> None:
            for number in range(100):
                await session.send(Message(type=sender, tid=number, front=bytes(number)))

        async def receive() -> None:
            while len(got) < 800:
                got.append(await session.receive())
                if len(got) == 800:
                    receivers.cancel_scope.cancel()

        async def ping() -> None:
            pings.extend([await session.ping() for _ in range(20)])

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks, anyio.create_task_group() as receivers:
                for sender in range(8):
                    tasks.start_soon(send, sender)
                for _ in range(3):
                    tasks.start_soon(ping)
                for _ in range(4):
                    receivers.start_soon(receive)
    for sender in range(8):
        assert [message.tid for message in got if message.type == sender] == list(range(100))
    assert len(pings) == 60
    assert all(0 <= round_trip < BOUND for round_trip in pings)


async def test_pings_at_the_same_instant_share_an_answer() -> None:
    """Demand 88."""
    async with echoing() as server, dialled(server, runtime=msgr.Runtime(clock=lambda: 50.0)) as session:
        done = 0

        async def ping() -> None:
            nonlocal done
            assert await session.ping() == pytest.approx(0, abs=1e-6)
            done += 1

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(ping)
        assert done == 10


async def test_one_of_several_pings_is_cancelled() -> None:
    """It does not take the others' answer away."""
    async with memory_pair() as (near, _):
        answered = anyio.Event()

        async def ping() -> None:
            await near.ping()
            answered.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ping)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await near.ping()
            assert scope.cancelled_caught
            with anyio.fail_after(BOUND):
                await answered.wait()


async def test_messages_that_cannot_be_sent() -> None:
    """They are refused at once, and the session goes on."""
    async with echoing() as server, dialled(server, limits=Limits(front=10, middle=10, data=10)) as session:
        for name in ("front", "middle", "data"):
            large: dict[str, Any] = {name: bytes(11)}
            with pytest.raises(MessageTooLarge, match=f"{name} has 11 bytes, 10 are allowed"):
                await session.send(Message(type=1, **large))
        for name in ("type", "priority", "version"):
            wrong: dict[str, Any] = {"type": 1} | {name: 1 << 16}
            with pytest.raises(ConfigError, match=f"{name} is 65536"):
                await session.send(Message(**wrong))
        await session.send(Message(type=1, front=bytes(10)))
        assert (await session.receive()).size == 10


async def test_orderly_end_by_the_peer() -> None:
    async with pair() as (near, far):
        await far.send(Message(type=3))
        await far.close()
        with anyio.fail_after(BOUND):
            assert [message.type for message in await all_of(near)] == [3]
        assert near.error is None
        assert await all_of(near) == []
        for action in (near.receive, near.ping, lambda: near.send(Message(type=1))):
            with pytest.raises(ConnectionLost, match="the session has ended"):
                await action()


async def test_end_wakes_everybody() -> None:
    """Whoever waits for a message, an answer or for room learns of the end."""
    over = 0
    async with memory_pair(client=Limits(outbox=1000), server=Limits(inbox=1000)) as (near, far):

        async def wait(what: str) -> None:
            nonlocal over
            with suppress(ConnectionLost):
                while True:
                    await (near.send(Message(type=1, front=bytes(9000))) if what == "room" else near.receive())
            over += 1

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                for what in ("room", "room", "message", "message"):
                    tasks.start_soon(wait, what)
                await anyio.wait_all_tasks_blocked()
                assert over == 0
                far.abort()
        assert over == 4


async def test_body_raises() -> None:
    """What the body raises comes out as it was raised: the same object, its cause and its context too."""
    cause, context = ValueError("cause"), ValueError("context")

    def fail(reason: Exception | None) -> None:
        try:
            raise context
        except ValueError:
            raise KeyError("body") from reason

    async with echoing() as server:
        for around in (dialled(server), msgr.serve(LOOPBACK, name="mon.b", auth=None)):
            for reason in (cause, None):
                with pytest.raises(KeyError) as caught:
                    async with around if reason else dialled(server):
                        fail(reason)
                assert caught.value.__cause__ is reason
                assert caught.value.__context__ is context


async def test_body_raises_a_group() -> None:
    group = ExceptionGroup("of the body's own", [KeyError("a"), ValueError("b")])
    async with echoing() as server:
        with pytest.raises(ExceptionGroup) as caught:
            async with dialled(server):
                raise group
        # trio makes a new group of it as it takes apart what was cancelled and what was raised.
        assert (caught.value.message, caught.value.exceptions) == (group.message, group.exceptions)


async def test_nested_scopes() -> None:
    """Scopes around, in and across sessions behave as they do elsewhere."""
    async with echoing() as server:
        with anyio.move_on_after(BOUND) as outer:
            async with dialled(server) as one:
                with anyio.CancelScope() as middle:
                    async with dialled(server) as two:
                        with anyio.CancelScope() as inner:
                            inner.cancel()
                            await two.receive()
                        assert inner.cancelled_caught
                        await two.ping()
                        middle.cancel()
                        await one.receive()
                assert middle.cancelled_caught
                await one.ping()
        assert not outer.cancelled_caught


async def test_sending_gives_others_their_turn() -> None:
    """A task that only sends does not keep the loop for itself, even where there is always room."""
    async with memory_pair() as (near, _):
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await checkpoint()
                turns += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(count)
            for _ in range(1000):
                await near.send(Message(type=1))
            assert turns >= 10
            tasks.cancel_scope.cancel()


async def test_sending_can_be_cancelled_where_there_is_room() -> None:
    async with memory_pair() as (near, far):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await near.send(Message(type=1))
        assert scope.cancelled_caught
        await near.send(Message(type=2))
        assert (await far.receive()).type == 2


async def test_who_is_cancelled_in_the_middle_of_a_batch_sends_no_more_than_one() -> None:
    async with memory_pair() as (near, far):
        sent = 0
        with anyio.CancelScope() as scope:
            while True:
                await near.send(Message(type=1, tid=sent))
                sent += 1
                if sent == 100:
                    scope.cancel()
        assert 100 <= sent <= 164
        assert [(await far.receive()).tid for _ in range(sent)] == list(range(sent))
