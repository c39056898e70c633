"""Requests and answers over one session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import pytest

import msgr
from msgr import Message, Session
from msgr.errors import ConfigError, ConnectionLost, DecodeError, MessageTooLarge, OutcomeUnknown, StateError
from msgr.mon.link import Link, NeverSent
from msgr.mon.messages import Auth, MessageType, MonCommand, MonCommandAck, MonGetVersion, MonMapMessage
from tests.net.leaks import until
from tests.net.world import BOUND, memory_pair, pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

COMMAND = MonCommand(fsid=bytes(16), command=('{"prefix": "status"}',))
ACK = MonCommandAck(code=0, status="")


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Link, Session, list[Message], anyio.abc.TaskGroup]]:
    """Hold a link over loopback, the server's end of it, and what the server says unasked."""
    unasked: list[Message] = []

    def heard(_link: Link, message: Message) -> None:
        unasked.append(message)
        if message.type == MessageType.MON_MAP:
            MonMapMessage.decode(message.front)

    with anyio.fail_after(2 * BOUND):
        async with pair() as (near, far), anyio.create_task_group() as tasks:
            link = Link(near, heard)
            tasks.start_soon(link.run)
            yield link, far, unasked, tasks
            tasks.cancel_scope.cancel()


async def all_of(far: Session, count: int) -> list[Message]:
    """Return the next messages."""
    return [await far.receive() for _ in range(count)]


async def test_a_thousand_answers_in_reversed_order() -> None:
    answers: dict[int, bytes] = {}
    async with linked() as (link, far, unasked, _):

        async def ask(number: int) -> None:
            answer = await link.request(COMMAND, b"%d" % number)
            answers[number] = bytes(answer.data)

        async with anyio.create_task_group() as tasks:
            for number in range(1000):
                tasks.start_soon(ask, number)
            asked = await all_of(far, 1000)
            assert len({message.tid for message in asked} - {0}) == 1000
            for message in reversed(asked):
                await far.send(ACK.message(tid=message.tid, data=message.data))
        assert answers == {number: b"%d" % number for number in range(1000)}
        assert unasked == []


async def test_what_answers_nothing_is_heard_unasked() -> None:
    async with linked() as (link, far, unasked, tasks):
        tasks.start_soon(link.request, COMMAND)
        (asked,) = await all_of(far, 1)
        for tid in (0, asked.tid + 1, asked.tid + 2**32):
            await far.send(ACK.message(tid=tid))
        await far.send(Message(type=MessageType.COMMAND_REPLY, tid=asked.tid))  # the right number of another type
        await until(lambda: len(unasked) == 4)
        await far.send(ACK.message(tid=asked.tid))
        await far.send(ACK.message(tid=asked.tid))  # the second time it answers nothing
        await until(lambda: len(unasked) == 5)


async def test_answers_after_cancellation_are_dropped() -> None:
    async with linked() as (link, far, unasked, _):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.request, COMMAND)
            (given_up,) = await all_of(far, 1)
            tasks.cancel_scope.cancel()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.request, COMMAND)
            (asked,) = await all_of(far, 1)
            assert asked.tid != given_up.tid
            for tid in (given_up.tid, asked.tid):
                await far.send(ACK.message(tid=tid))
        assert [message.tid for message in unasked] == [given_up.tid]


async def test_requests_without_a_number_go_one_at_a_time() -> None:
    question = Auth(protocol=2, payload=b"")
    async with linked() as (link, far, _, tasks):
        tasks.start_soon(link.request, question)
        assert [message.tid for message in await all_of(far, 1)] == [0]
        with pytest.raises(StateError, match="MON-2"):
            await link.request(question)
        await far.send(Message(type=MessageType.AUTH_REPLY))
        await until(lambda: not link._waiting)
        tasks.start_soon(link.request, question)  # and then the next
        await all_of(far, 1)


@pytest.mark.parametrize("answered", [0, 5, 9])
async def test_requests_that_were_sent_and_not_answered(answered: int) -> None:
    """The server dies after it has read all of them, and answered some."""
    outcomes: list[type[BaseException] | None] = []
    async with linked() as (link, far, _, _tasks):

        async def ask() -> None:
            try:
                await link.request(COMMAND)
                outcomes.append(None)
            except ConnectionLost as error:
                outcomes.append(type(error))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(ask)
            for message in (await all_of(far, 10))[:answered]:
                await far.send(ACK.message(tid=message.tid))
            await until(lambda: len(outcomes) == answered)
            far.abort()
        assert outcomes == [None] * answered + [OutcomeUnknown] * (10 - answered)
        assert link.over
        with pytest.raises(NeverSent):
            await link.request(COMMAND)


async def test_an_orderly_end_leaves_them_open_as_well() -> None:
    async def part(far: Session) -> None:
        await far.receive()
        await far.close()

    async with linked() as (link, far, _, tasks):
        tasks.start_soon(part, far)
        with pytest.raises(OutcomeUnknown, match="MonCommand to v2:127"):
            await link.request(COMMAND)
        assert link.error is None


async def test_requests_that_were_never_written() -> None:
    """The server dies while nothing more fits into the connection: what is begun is unknown, what waits is not."""
    big = bytes(4 << 20)
    outcomes: dict[str, type[BaseException]] = {}
    limits = msgr.Limits(inbox=1)
    with anyio.fail_after(BOUND):
        async with memory_pair(server=limits) as (near, far), anyio.create_task_group() as tasks:
            link = Link(near, lambda link, message: None)
            tasks.start_soon(link.run)

            async def ask(name: str, data: bytes) -> None:
                try:
                    await link.request(COMMAND, data)
                except ConnectionLost as error:
                    outcomes[name] = type(error)

            tasks.start_soon(ask, "read", b"")
            await until(lambda: far.stats.inbox == 1)
            # The server reads no more, as its inbox is full.
            tasks.start_soon(ask, "begun", big)
            await until(lambda: len(link._waiting) == 2 and near.stats.queued == 0)
            tasks.start_soon(ask, "waiting", big)
            await until(lambda: near.stats.queued == 1)
            far.abort()
            await link.ended()
        assert outcomes == {"read": OutcomeUnknown, "begun": OutcomeUnknown, "waiting": NeverSent}


async def test_what_cannot_be_sent_is_the_callers_mistake() -> None:
    async with linked() as (link, _, _, _):
        with pytest.raises(MessageTooLarge):
            await link.request(COMMAND, bytes(msgr.Limits().data + 1))
        with pytest.raises(ConfigError):
            await link.request(MonGetVersion(handle=-1, what="osdmap"))
        assert not link._waiting


async def test_senseless_words_end_the_session() -> None:
    async with linked() as (link, far, _, _tasks):
        await far.send(Message(type=MessageType.MON_MAP, front=b"\xff" * 4))
        with pytest.raises(OutcomeUnknown) as caught:
            await link.request(COMMAND)
        assert isinstance(caught.value.__cause__, DecodeError)
        assert isinstance(link.error, DecodeError)
        assert link.session.over


async def test_numbers_begin_again_after_the_last() -> None:
    async with linked() as (link, far, _, _tasks):
        link._tid = 2**64 - 2
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(link.request, COMMAND)
            asked = await all_of(far, 3)
            for message in asked:
                await far.send(ACK.message(tid=message.tid))
        assert [message.tid for message in asked] == [2**64 - 1, 1, 2]
