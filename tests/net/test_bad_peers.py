"""A bad client gets nowhere, and disturbs nobody: others are served while it is there and when it has gone."""

from __future__ import annotations

from contextlib import suppress

import anyio
import anyio.abc
import pytest

import msgr
from msgr import Limits
from msgr.core import CLIENT, SERVER
from msgr.frame import Preamble, Tag
from msgr.payload import Ack, Banner

from . import raw
from .leaks import close_wait, until
from .streams import CUTS, Cut, CutStream
from .world import ADMIN, BOUND, KEYRING, address, dialled, echoing, is_served, port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_STEPS = len(SERVER) + len(CLIENT)
"""More steps than a handshake has."""


@pytest.mark.parametrize("kind", raw.BAD)
async def test_bad_bytes(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    says, rule = raw.BAD[kind]
    caplog.set_level("INFO", "msgr.net")
    async with echoing() as server:
        async with raw.dial(server) as stream:
            await is_served(server)
            await stream.send(says)
            await raw.dropped(stream)
            await until(lambda: server.stats.failed == 1)
        assert f"[{rule}]" in caplog.text
        await is_served(server)


SERVER_SAYS = {
    "msgr v1": (b"ceph v027" + bytes(200), "BANNER-1"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", "BANNER-1"),
    "revision not allowed": (Banner(supported=2).to_wire(), "BANNER-5"),
    "out of place": (raw.BANNER + raw.said(Ack(seq=0)), "STATE-1"),
    "message before authentication": (raw.BANNER + raw.frame(Tag.MESSAGE, bytes(41)), "STATE-1"),
    "a gibibyte": (raw.BANNER + Preamble(Tag.HELLO, (1 << 30,)).encode(), "FRAME-9"),
    "garbage": (raw.BANNER + b"\xa5" * 64, "FRAME-3"),
}


@pytest.mark.parametrize("kind", SERVER_SAYS)
async def test_bad_server(kind: str) -> None:
    says, rule = SERVER_SAYS[kind]

    async def say(stream: anyio.abc.SocketStream) -> None:
        await stream.send(says)
        await raw.dropped(stream)

    async with raw.listening(say) as where:
        with anyio.fail_after(2), pytest.raises(msgr.PeerError) as caught:
            async with msgr.connect(where, name=ADMIN, auth=KEYRING):
                pass
    assert caught.value.rule == rule
    assert str(caught.value).endswith(f" [{rule}]")


async def test_half_a_banner_then_silence_holds_nobody_up() -> None:
    async with echoing() as server, raw.dial(server) as one, raw.dial(server) as other:
        await one.send(raw.BANNER[:7])
        await until(lambda: server.stats.accepted == 2)
        await is_served(server)
        await other.send(raw.BANNER)
        await is_served(server)
        assert server.stats.failed == 0


@pytest.mark.parametrize("how", CUTS)
async def test_client_that_goes_at_any_step(how: Cut) -> None:
    """The server gives back the socket at once, whatever it waited for, and serves others meanwhile."""
    async with echoing() as server:
        async with dialled(server) as witness:
            for step in range(_STEPS):
                stream = CutStream(await anyio.connect_tcp("127.0.0.1", port(server)), step, how)
                with anyio.fail_after(BOUND), suppress(msgr.ConnectionLost):
                    async with msgr.connect(address(server), name=ADMIN, auth=KEYRING, stream=stream):
                        pass
                assert await witness.ping() < BOUND
                if not stream.was_cut:
                    break
            assert 10 < step < _STEPS - 1
            await until(lambda: server.stats.failed + server.stats.ready == server.stats.accepted)
            assert server.stats.accepted == step + 2
            await until(lambda: close_wait(port(server)) == 0)
        await is_served(server)


@pytest.mark.parametrize("how", CUTS)
async def test_server_that_goes_at_any_step(how: Cut) -> None:
    """The client learns of it at once."""
    step = 0
    cut: list[bool] = []

    async def accept(stream: anyio.abc.SocketStream) -> None:
        cutting = CutStream(stream, step, how)
        with suppress(msgr.ConnectionLost):
            async with msgr.accept(cutting, where, name="mon.a", auth=KEYRING):
                pass
        cut.append(cutting.was_cut)

    async with raw.listening(accept) as where:
        for step in range(_STEPS):  # noqa: B007 - it is for accept
            with anyio.fail_after(BOUND), suppress(msgr.ConnectionLost):
                async with msgr.connect(where, name=ADMIN, auth=KEYRING) as session:
                    async for _ in session:
                        pass
            await until(lambda: bool(cut))
            if not cut.pop():
                break
        assert 10 < step < _STEPS - 1


async def test_oversize_frame_in_a_session() -> None:
    """What a session takes has limits as well; the user learns which, and the server serves on."""
    async with echoing(auth=None, limits=Limits(front=1000)) as server:
        async with dialled(server, auth=None) as session:
            await session.send(msgr.Message(type=1, front=bytes(1001)))
            with anyio.fail_after(BOUND), pytest.raises(msgr.ConnectionLost):
                await session.receive()
        await is_served(server, auth=None)


async def test_error_of_a_session_comes_after_what_came_before() -> None:
    """Messages that arrived are delivered; then the iteration raises what went wrong."""
    async with msgr.serve("v2:127.0.0.1:0", name="mon.a", auth=None) as server, raw.dial(server) as stream:
        connection = await raw.by_hand(stream, address(server))
        session = await anext(server)
        for tid in range(3):
            connection.send_message(msgr.Message(type=1, tid=tid))
        await stream.send(b"".join(map(bytes, connection.data_to_send())) + raw.said(raw.HELLO))
        await raw.dropped(stream)
        with anyio.fail_after(BOUND):
            assert [(await anext(session)).tid for _ in range(3)] == [0, 1, 2]
            with pytest.raises(msgr.errors.UnexpectedFrame, match="HELLO in Ready") as caught:
                await anext(session)
        assert session.error is caught.value
        for action in (session.receive, session.ping, lambda: session.send(msgr.Message(type=1))):
            with pytest.raises(msgr.errors.UnexpectedFrame):
                await action()
