"""Compression as users ask for it, over real sockets."""

from __future__ import annotations

from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import Algorithm, Compression, EntityType, Limits, Message, Mode, Policy, Timeouts
from msgr.errors import FrameTooLarge
from msgr.testing import ChaosProxy

from .streams import MemoryStream
from .world import ADMIN, BOUND, FORMS, KEYRING, LOOPBACK, address, dialled, echoing, pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

EVERYTHING: Final = Compression(algorithms=tuple(Algorithm), minimum=0, in_secure=True)
TEXT: Final = b"a text that is said again and again, " * 10_000


@pytest.mark.parametrize(("mode", "revision"), FORMS)
@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.name.lower())
async def test_all_algorithms_in_all_modes(algorithm: Algorithm, mode: Mode, revision: msgr.Revision) -> None:
    form: dict[str, Any] = {"modes": (mode,), "revisions": frozenset({revision})}
    wish = Compression(algorithms=(algorithm,), in_secure=True)
    async with echoing(**form, compression=EVERYTHING) as server, dialled(server, **form, compression=wish) as session:
        assert session.peer.compression is algorithm
        for size in (0, 10, len(TEXT)):
            await session.send(Message(type=1, front=TEXT[:size], data=TEXT[:size]))
            back = await session.receive()
            assert (back.front, back.data) == (TEXT[:size], TEXT[:size])
        assert 0 <= await session.ping() < 5


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (None, None, None),
        (EVERYTHING, None, None),
        (None, EVERYTHING, None),
        (Compression(), EVERYTHING, Algorithm.SNAPPY),
        ({EntityType.MON: EVERYTHING}, {EntityType.CLIENT: Compression(algorithms=(Algorithm.LZ4,))}, Algorithm.LZ4),
        ({EntityType.OSD: EVERYTHING}, EVERYTHING, None),
        (EVERYTHING, {EntityType.OSD: EVERYTHING}, None),
    ],
)
async def test_both_have_to_want_it(ours: Any, theirs: Any, agreed: Algorithm | None) -> None:
    settings = {"compression": theirs, "modes": (Mode.CRC,)}
    async with pair(server=settings, compression=ours, modes=(Mode.CRC,)) as (near, far):
        assert near.peer.compression is agreed
        assert far.peer.compression is agreed


async def test_not_in_secure_mode_unless_asked() -> None:
    """Demand 68."""
    async with pair(server={"compression": Compression()}, compression=Compression()) as (near, _):
        assert near.peer.login.mode is Mode.SECURE
        assert near.peer.compression is None


async def test_a_messenger_compresses_both_ways() -> None:
    options: dict[str, Any] = {"auth": None, "policy": Policy.lossless_peer(), "compression": EVERYTHING}
    async with (
        msgr.Messenger("osd.0", listen=LOOPBACK, **options) as server,
        msgr.Messenger("osd.1", listen=LOOPBACK, **options) as client,
    ):
        near = client.session(address(server))
        with anyio.fail_after(BOUND):
            await near.ready()
            far = await anext(server)
            for session, other in ((near, far), (far, near)):
                assert session.peer.compression is Algorithm.SNAPPY
                receipt = await session.send(Message(type=1, data=TEXT))
                assert (await other.receive()).data == TEXT
                await receipt.wait()


async def test_a_session_that_goes_on_is_compressed_again() -> None:
    """What was agreed ends with the connection, and is agreed anew on the next. Demand 97."""
    hurried = Timeouts(initial_backoff=0.01, max_backoff=0.05)
    async with (
        ChaosProxy() as proxy,
        echoing(advertise=proxy.address, policy=Policy.stateful_server(), compression=EVERYTHING) as server,
    ):
        proxy.target = str(server.listening[0])
        async with msgr.connect(
            proxy.address,
            name=ADMIN,
            auth=KEYRING,
            policy=Policy.lossless_client(),
            compression=EVERYTHING,
            timeouts=hurried,
        ) as session:
            for round_ in range(1, 4):
                with anyio.fail_after(BOUND):
                    await session.send(Message(type=1, data=TEXT))
                    assert (await session.receive()).data == TEXT
                    assert session.peer.compression is Algorithm.SNAPPY
                    assert session.stats.counters.connections == round_
                    assert proxy.cut() == 1
                    await session.send(Message(type=1))
                    await session.receive()
                assert proxy.stats.bytes < round_ * len(TEXT)


async def test_the_other_end_of_a_stream() -> None:
    one, other = MemoryStream.pair()
    heard: list[Algorithm | None] = []

    async def accept() -> None:
        async with msgr.accept(other, "v2:127.0.0.1:1", name="mon.a", auth=None, compression=EVERYTHING) as session:
            heard.append(session.peer.compression)
            assert (await session.receive()).data == TEXT

    wish = Compression(algorithms=(Algorithm.BROTLI,))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(accept)
        async with msgr.connect("v2:127.0.0.1:1", name=ADMIN, auth=None, stream=one, compression=wish) as session:
            await session.send(Message(type=1, data=TEXT))
    assert heard == [Algorithm.BROTLI]


async def test_a_bomb_ends_the_session_that_sent_it() -> None:
    """COMPRESSION-5: what the server would not take plain, it does not take compressed."""
    settings = {"compression": EVERYTHING, "limits": Limits(data=1 << 20), "modes": (Mode.CRC,)}
    async with pair(server=settings, compression=EVERYTHING, modes=(Mode.CRC,)) as (near, far):
        await near.send(Message(type=1, data=bytes((1 << 20) + 1)))
        with pytest.raises(FrameTooLarge, match="COMPRESSION-5"), anyio.fail_after(BOUND):
            await far.receive()
        with pytest.raises(msgr.ConnectionLost), anyio.fail_after(BOUND):
            await near.receive()


async def test_what_nobody_takes_is_not_decompressed() -> None:
    """COMPRESSION-12: half a gigabyte in some ten thousand bytes, all of which may come in one read."""
    large, count = 8 << 20, 64
    settings = {"compression": EVERYTHING, "limits": Limits(inbox=1 << 20), "modes": (Mode.CRC,)}
    wish = Compression(algorithms=(Algorithm.ZSTD,), minimum=0)
    sender = Limits(outbox=2 * large * count)
    async with pair(server=settings, compression=wish, limits=sender, modes=(Mode.CRC,)) as (near, far):
        data = bytes(large)
        for _ in range(count):
            await near.send(Message(type=1, data=data))
        with anyio.fail_after(6 * BOUND):
            for seq in range(1, count + 1):
                got = await far.receive()
                assert (got.seq, len(got.data)) == (seq, large)
                assert far.stats.inbox <= 1


async def test_the_largest_message_that_no_algorithm_makes_less() -> None:
    limits = Limits(data=1 << 20)
    noise = msgr.Runtime().dice(1 << 20)
    for algorithm in Algorithm:
        wish = Compression(algorithms=(algorithm,))
        settings: dict[str, Any] = {"compression": wish, "limits": limits, "modes": (Mode.CRC,)}
        async with echoing(auth=KEYRING, **settings) as server, dialled(server, **settings) as session:
            await session.send(Message(type=1, data=noise))
            assert (await session.receive()).data == noise
