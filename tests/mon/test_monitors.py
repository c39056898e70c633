"""Keeping a session with one of the monitors: what becomes of commands, of our id and of the client."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

import msgr
from msgr import EntityName, Message, Session
from msgr.errors import AuthRefused, CommandFailed, ConnectionLost, IdentError, OutcomeUnknown, PeerError
from msgr.mon import Result
from msgr.mon.messages import MessageType, MonCommandAck
from msgr.net.methods import client_methods
from tests.net.leaks import until
from tests.net.world import ADMIN, BOUND, keyring

from .monitor import Act, Monitor, answer, client, cluster, never

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def drops(count: int) -> Act:
    """Return the act of a monitor that drops its client over the first so many commands, and then echoes."""

    async def act(monitor: Monitor, session: Session, message: Message) -> None:
        if len(monitor.commands) <= count:
            session.abort()
        else:
            await answer(session, message, message.data)

    return act


async def test_another_session_with_the_same_id() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        number = admin.global_id
        for turn in range(1, 4):
            monitor.drop()
            assert (await admin.command("status", b"%d" % turn, repeat=True)).output == b"%d" % turn
            assert admin.global_id == number
            assert len(monitor.sessions) == turn + 1
        assert {session.peer.login.global_id for session in monitor.sessions} == {number}


async def test_another_monitor_with_the_same_id() -> None:
    async with cluster(2) as monitors, client(monitors[0]) as admin:  # the second is known by the map alone
        number = admin.global_id
        monitors[0].drop()
        await monitors[0].node.close()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_dropping, monitors[0])
            await until(lambda: bool(monitors[1].sessions) and admin.connected)
            tasks.cancel_scope.cancel()
        assert monitors[1].sessions[0].peer.login.global_id == number


async def keep_dropping(monitor: Monitor) -> None:
    """Be a monitor that nobody can use."""
    while True:
        monitor.drop()
        await checkpoint()


async def test_a_command_whose_answer_was_lost() -> None:
    async with cluster(act=drops(1)) as (monitor,), client(monitor) as admin:
        with pytest.raises(OutcomeUnknown):
            await admin.command("config set")
        assert len(monitor.commands) == 1  # never a silent second time (MON-3)
        assert (await admin.command("config set", b"again")).output == b"again"


async def test_a_command_that_may_be_repeated() -> None:
    async with cluster(act=drops(3)) as (monitor,), client(monitor) as admin:
        assert (await admin.command("status", b"asked four times", repeat=True)).output == b"asked four times"
        assert len(monitor.commands) == len(monitor.sessions) == 4


async def test_half_of_many_commands_were_answered() -> None:
    async def half(monitor: Monitor, session: Session, message: Message) -> None:
        if len(monitor.commands) > 100:
            await answer(session, message)
        elif len(monitor.commands) == 100:
            for command in monitor.commands[:50]:
                await answer(session, command, command.data)
            await session.close()  # with the answers on their way

    outcomes: list[bool] = []
    async with cluster(act=half) as (monitor,), client(monitor) as admin:

        async def ask(number: int) -> None:
            try:
                assert (await admin.command("set", b"%d" % number)).output == b"%d" % number
                outcomes.append(True)
            except OutcomeUnknown:
                outcomes.append(False)

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(ask, number)
        assert (outcomes.count(True), outcomes.count(False)) == (50, 50)
        assert (await admin.command("status")).code == 0


async def test_commands_wait_while_there_is_no_monitor() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        monitor.tells_map = False
        monitor.drop()
        await until(lambda: not admin.connected)
        with pytest.raises(ConnectionLost):
            _ = admin.global_id
        with anyio.move_on_after(0.05) as given_up:
            await admin.command("never sent")
        assert given_up.cancelled_caught
        async with anyio.create_task_group() as tasks:
            found: list[Result] = []

            async def ask() -> None:
                found.append(await admin.command("waits", b"!"))

            tasks.start_soon(ask)
            await until(lambda: len(monitor.sessions) >= 2)
            monitor.tells_map = True
            await monitor.tell_map()
        assert found[0].output == b"!"
        assert [b"waits" in bytes(command.front) for command in monitor.commands] == [True]


async def test_a_command_right_at_the_end_of_a_session() -> None:
    """The session is over, and nobody has noticed: the command waits for the next, and does not spin meanwhile."""
    async with cluster() as (monitor,), client(monitor) as admin:
        for turn in range(1, 4):
            link = await admin._monitors.linked()
            link.session.abort()
            with anyio.fail_after(BOUND):
                assert (await admin.command("status")).code == 0
            assert len(monitor.sessions) == turn + 1


async def test_cancelling_forgets_the_answer() -> None:
    async with cluster(act=never) as (monitor,), client(monitor) as admin:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(admin.command, "first")
            await monitor.commanded(1)
            tasks.cancel_scope.cancel()
        await answer(monitor.sessions[0], monitor.commands[0], b"too late")
        async with anyio.create_task_group() as tasks:
            found: list[Result] = []

            async def ask() -> None:
                found.append(await admin.command("second"))

            tasks.start_soon(ask)
            await monitor.commanded(2)
            await answer(monitor.sessions[0], monitor.commands[1], b"second")
        assert found[0].output == b"second"
        assert len(monitor.sessions) == 1


async def test_a_refusal_later_ends_the_client() -> None:
    """A client whose key was taken away does not ask for ever."""
    async with cluster() as (monitor,), client(monitor) as admin:
        with admin.log() as lines:
            admin._monitors.methods = client_methods(EntityName.parse(ADMIN), keyring(ADMIN))
            monitor.drop()
            with pytest.raises(AuthRefused):
                await anext(lines)
        for ask in (admin.command, lambda words: admin.tell("osd.0", words)):
            with pytest.raises(AuthRefused):
                await ask("status")


async def test_a_monitor_of_another_cluster_later_ends_the_client() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        monitor.fsid = type(monitor.fsid)(int=9)
        monitor.drop()
        with pytest.raises(IdentError, match="MON-6"):
            await admin.command("status", repeat=True)


async def test_an_answer_that_makes_no_sense() -> None:
    async def nonsense(monitor: Monitor, session: Session, message: Message) -> None:
        await session.send(Message(type=MessageType.MON_COMMAND_ACK, tid=message.tid, front=b"?"))

    async with cluster(act=nonsense) as (monitor,), client(monitor) as admin:
        with pytest.raises(PeerError):
            await admin.command("status")
        monitor.act = drops(0)
        assert (await admin.command("status")).code == 0


async def test_codes_and_output() -> None:
    async def fail(monitor: Monitor, session: Session, message: Message) -> None:
        ack = MonCommandAck(code=-22, status="no such command")
        await session.send(ack.message(tid=message.tid, data=b"{"))

    async with cluster(act=fail) as (monitor,), client(monitor) as admin:
        result = await admin.command({"prefix": "nonsense"})
        assert (result.code, result.status, result.output) == (-22, "no such command", b"{")
        with pytest.raises(CommandFailed, match="no such command") as caught:
            result.checked()
        assert caught.value.code == -22
        with pytest.raises(PeerError, match="MON-5"):
            result.json()
        assert "{" not in repr(result)


async def test_the_end_of_the_client_ends_everything() -> None:
    async with cluster(act=never) as (monitor,):
        async with client(monitor) as admin:
            with admin.monmaps() as maps:
                pass
        for ask in (lambda: admin.command("status"), lambda: admin.tell("mon.m0", "version"), lambda: anext(maps)):
            with pytest.raises(msgr.MsgrError, match="closed"):
                await ask()
        with pytest.raises(ConnectionLost, match="closed"), admin.log():
            pass
