"""What sockets are asked of: their options, and no more system calls than are needed."""

from __future__ import annotations

import socket
import sys

import anyio
import pytest

from msgr.net import Messenger
from msgr.net.listener import BACKLOG, listen
from msgr.net.stream import SocketStream
from msgr.session import Policy
from msgr.wire import Endpoint

pytestmark = pytest.mark.anyio

HERE = "v2:127.0.0.1:0"


async def connected() -> tuple[SocketStream, socket.socket]:
    """Return a stream of ours, and the plain socket at its other end."""
    (listening,) = await listen(Endpoint.parse(HERE))
    with listening:
        listening.setblocking(True)
        dialling = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
    return SocketStream(dialling), accepted


async def test_small_writes_are_not_held_back_and_nothing_blocks() -> None:
    """Demand 33: the size of the send buffer is left to the system, which tunes it."""
    stream, other = await connected()
    with other:
        ours = stream._socket
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not ours.getblocking()
        await stream.aclose()


async def test_a_write_is_tried_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Demand 47: an empty socket takes the bytes at once, without a turn of the event loop."""

    async def waits(_: object) -> None:
        raise AssertionError("nobody has to wait for an empty socket")

    stream, other = await connected()
    with other:
        with monkeypatch.context() as patch:
            patch.setattr(anyio, "wait_writable", waits)
            await stream.send([b"at ", b"once"])
        assert other.recv(100) == b"at once"
        await stream.aclose()


async def test_a_messenger_need_not_listen() -> None:
    """Demand 48."""
    async with Messenger("client.quiet", auth=None, policy=Policy.lossy_client()) as quiet:
        assert quiet.listening == ()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell the length of a socket's queue")
@pytest.mark.parametrize("backlog", [7, BACKLOG])
async def test_the_queue_is_as_long_as_was_asked_for(backlog: int) -> None:
    """Demand 55: 512 as at Ceph, or what is asked for."""
    assert BACKLOG == 512
    (listening,) = await listen(Endpoint.parse(HERE), backlog=backlog)
    with listening:
        told = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    longest = int.from_bytes(told[28:32], sys.byteorder)
    with open("/proc/sys/net/core/somaxconn") as limit:  # noqa: ASYNC230  a file of the kernel, which is there at once
        assert longest == min(backlog, int(limit.read()))
