"""A proxy that cuts, and sessions that outlive it."""

from __future__ import annotations

import errno
import socket

import anyio
import pytest

from msgr import ConnectionLost, Message, MsgrError, Outcome, Policy, Timeouts, connect, serve
from msgr.errors import StateError
from msgr.testing import Chaos, ChaosProxy
from msgr.wire import Endpoint, EntityAddr

from ..net.leaks import until
from ..net.world import ADMIN, KEYRING, LOOPBACK, address, echoing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LIMIT = 20.0
HURRIED = Timeouts(initial_backoff=0.01, max_backoff=0.05)


async def ended(proxy: ChaosProxy, *, reset: bool) -> int:
    """Return what a socket that is cut meets: 0 for the end of the stream, or an error's number."""
    at = EntityAddr.parse(proxy.address)
    with socket.socket() as dialled:
        dialled.connect((str(at.host), at.port))
        dialled.setblocking(False)
        await until(lambda: len(proxy.links) == 1)
        assert proxy.cut(reset=reset) == 1
        await anyio.wait_readable(dialled)
        try:
            return len(dialled.recv(1))
        except OSError as error:
            return error.errno or -1


@pytest.mark.parametrize(("reset", "meets"), [(False, 0), (True, errno.ECONNRESET)], ids=["fin", "rst"])
async def test_a_cut_on_the_wire(reset: bool, meets: int) -> None:
    async with echoing() as server, ChaosProxy(target=address(server)) as proxy:
        assert await ended(proxy, reset=reset) == meets
        await until(lambda: not proxy.links)
        assert (proxy.stats.connections, proxy.stats.cuts, proxy.stats.resets) == (1, 1, int(reset))


async def test_a_proxy_that_leads_nowhere() -> None:
    async with ChaosProxy() as proxy:
        with pytest.raises(MsgrError):
            async with connect(proxy.address, name=ADMIN, auth=KEYRING):
                pass
        assert proxy.stats.failed == 1
        with socket.socket() as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            proxy.target = f"v2:127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(ConnectionLost):
                async with connect(proxy.address, name=ADMIN, auth=KEYRING):
                    pass
        assert proxy.stats.failed == 2


async def test_it_has_an_address_while_it_listens() -> None:
    proxy = ChaosProxy(host="::1")
    with pytest.raises(StateError):
        _ = proxy.address
    async with proxy:
        assert proxy.address.startswith("v2:[::1]:")
    with pytest.raises(StateError):
        _ = proxy.address


async def test_what_its_body_raises_comes_through_as_it_was() -> None:
    with pytest.raises(KeyError):
        async with ChaosProxy():
            raise KeyError


async def test_a_server_has_to_know_the_proxys_address() -> None:
    async with echoing() as server, ChaosProxy(target=address(server)) as proxy:
        with pytest.raises(MsgrError):
            async with connect(proxy.address, name=ADMIN, auth=KEYRING):
                pass
        assert server.addresses == server.listening
    async with ChaosProxy() as proxy, echoing(advertise=proxy.address) as server:
        proxy.target = str(server.listening[0])
        assert server.addresses == (EntityAddr.parse(proxy.address),) != server.listening
        async with connect(proxy.address, name=ADMIN, auth=KEYRING) as session:
            await session.send(Message(type=1, front=b"through"))
            assert (await session.receive()).front == b"through"
        with pytest.raises(MsgrError):
            async with connect(str(server.listening[0]), name=ADMIN, auth=KEYRING):
                pass


async def test_a_stall_is_outlived() -> None:
    async with ChaosProxy() as proxy, echoing(advertise=proxy.address) as server:
        proxy.target = str(server.listening[0])
        async with connect(proxy.address, name=ADMIN, auth=KEYRING) as session:
            proxy.stall()
            await session.send(Message(type=1))
            await anyio.wait_all_tasks_blocked()
            before = proxy.stats.bytes
            with anyio.move_on_after(0.05):
                await session.receive()
            assert proxy.stats.bytes == before
            proxy.resume()
            await session.receive()


async def test_a_stall_holds_back_the_end_as_well() -> None:
    """As a network does that is dead: nobody hears that the other end has gone."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as far, ChaosProxy() as proxy:
        port = far.extra(anyio.abc.SocketAttribute.local_port)
        proxy.target = f"v2:127.0.0.1:{port}"
        where = Endpoint.parse(proxy.address)
        near = await anyio.connect_tcp(where.host, where.port)
        (listening,) = far.listeners
        assert isinstance(listening, anyio.abc.SocketListener)
        accepted = await listening.accept()
        await near.send(b"x")
        assert await accepted.receive() == b"x"
        proxy.stall()
        await near.aclose()
        with anyio.move_on_after(0.05) as waiting:
            await accepted.receive()
        assert waiting.cancelled_caught
        proxy.resume()
        with pytest.raises(anyio.EndOfStream):
            await accepted.receive()
        await accepted.aclose()


@pytest.mark.parametrize("seed", range(3))
async def test_a_session_outlives_every_kind_of_chaos(seed: int) -> None:
    """Demand 99."""
    chaos = Chaos(
        seed=seed,
        cut_every=30_000,
        cut_early=0.2,
        split_every=500,
        merge_every=3000,
        delay_every=20_000,
        longest_delay=0.002,
    )
    count = 300
    arrived: list[int] = []

    with anyio.fail_after(LIMIT):
        async with (
            ChaosProxy(chaos) as proxy,
            serve(
                LOOPBACK,
                name="mds.a",
                auth=KEYRING,
                policy=Policy.stateful_server(),
                advertise=proxy.address,
                timeouts=HURRIED,
            ) as server,
        ):
            proxy.target = str(server.listening[0])
            proxy.chaos = Chaos()  # a handshake that fails is final for `connect`, the first one alone
            async with connect(
                proxy.address, name=ADMIN, auth=KEYRING, policy=Policy.lossless_client(), timeouts=HURRIED
            ) as session:
                proxy.chaos = chaos
                proxy.cut()
                receipts = [await session.send(Message(type=1, tid=tid, data=bytes(500))) for tid in range(count)]
                async for message in await anext(server):
                    arrived.append(message.tid)
                    if len(arrived) == count:
                        break
                assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}
            assert arrived == list(range(count))
            assert proxy.stats.cuts >= 3
            assert min(proxy.stats.splits, proxy.stats.merges, proxy.stats.delays) > 0
