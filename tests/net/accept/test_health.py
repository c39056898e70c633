"""How the listening side does is told, so that a late handshake can be explained (demands 51, 54, 82)."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from typing import Any

import anyio
import pytest

import msgr
from msgr import ConnectionLost, Limits, Runtime, TimedOut, Timeouts
from msgr.core.gate import Direction
from msgr.frame import Tag
from msgr.net import AcceptStats
from msgr.testing import HandClock, Probes

from .. import raw
from ..leaks import reaches, until
from ..world import ADMIN, BOUND, KEYRING, address, dialled, echoing, is_served, keyring, port
from .visitors import call

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_what_is_under_way(flood: list[socket.socket]) -> None:
    """How many, from how many hosts, for how long, and who is still in the kernel's queue (demand 51)."""
    clock = HandClock()
    async with echoing(runtime=Runtime(clock=clock.monotonic)) as server:
        await is_served(server)
        await until(lambda: server.stats.ready == 1)
        assert replace(server.stats, waiting=None) == AcceptStats(accepted=1, ready=1)
        flood += [call(port(server), f"127.0.0.{1 + count % 2}") for count in range(5)]
        assert server.stats.waiting == 5
        await reaches(lambda: server.stats.accepted, 6)
        clock.turn(2.5)
        assert server.stats == AcceptStats(accepted=6, ready=1, half_open=5, oldest=2.5, hosts=2, waiting=0)
        assert str(server.stats) == (
            "5 handshakes under way, from 2 hosts, the oldest for 2.5 s; 6 accepted, 1 ready, 0 failed (0 late, "
            "0 displaced); 0 wait in the kernel"
        )


async def test_words_for_a_pause() -> None:
    text = str(AcceptStats(pausing=True, waiting=None))
    assert text.endswith("; accepting pauses for want of descriptors or memory")
    assert "kernel" not in text


async def test_stats_are_of_one_moment() -> None:
    """What was asked for does not change in the asker's hands. Demand 97."""
    async with echoing() as server:
        before = server.stats
        await is_served(server)
        assert before == replace(AcceptStats(), waiting=before.waiting)
        assert server.stats.accepted == 1


async def test_a_late_handshake_tells_how_the_listener_does(
    flood: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """The step at which it stood, and the health of the listener (demand 51)."""
    caplog.set_level("INFO", "msgr.net")
    async with echoing(timeouts=Timeouts(handshake=0.3)) as server:
        flood += [call(port(server)) for _ in range(3)]
        await until(lambda: server.stats.late == 3)
    assert (
        "127.0.0.1: no session: no session after 0.27 s: in AwaitBanner, after 0 bytes [LIMIT-3] "
        "(transient; incoming, in AwaitBanner, 0 bytes received, 26 sent) "
        "(3 handshakes under way, from 1 hosts, the oldest for 0.3 s; 3 accepted, 0 ready, 1 failed (1 late, "
        "0 displaced); 0 wait in the kernel)"
    ) in caplog.text


@pytest.mark.parametrize("bare", [False, True], ids=["serve", "accept"])
async def test_who_accepts_gives_up_first(bare: bool) -> None:
    """Both have the same settings; the client hears of the end before it has waited for too long (demand 82)."""
    probes = Probes()
    probes.at(Direction.SENDING, Tag.AUTH_REPLY_MORE, dialled=False)
    brief = Timeouts(handshake=0.5)
    given: dict[str, Any] = {"auth": KEYRING, "timeouts": brief}
    accepting = {**given, "name": "mon.a", "runtime": Runtime(trace=probes)}

    async def connect(where: str) -> None:
        with anyio.fail_after(BOUND), pytest.raises(ConnectionLost) as caught:
            async with msgr.connect(where, name=ADMIN, **given):
                pass
        assert not isinstance(caught.value, TimedOut)
        assert "the peer closed the connection in AwaitAuthReply" in str(caught.value)

    if bare:

        async def accept(stream: anyio.abc.SocketStream) -> None:
            with pytest.raises(TimedOut, match=r"no session after 0\.45 s"):
                async with msgr.accept(stream, where, **accepting):
                    pass

        async with raw.listening(accept) as where:
            await connect(where)
    else:
        async with echoing(**accepting) as server:
            await connect(address(server))
            await until(lambda: server.stats.late == 1)


async def test_limits_of_one_place(flood: list[socket.socket]) -> None:
    """With one place, the newest has it."""
    async with echoing(limits=Limits(half_open=1)) as server:
        flood += [call(port(server)) for _ in range(5)]
        await until(lambda: server.stats.failed == 4)
        assert list(map(raw.is_open, flood)) == [False] * 4 + [True]
        await is_served(server)


async def test_a_recovery_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Demand 31: after handshakes that failed, the first session from that host is told of, with what was muted."""
    caplog.set_level(logging.INFO, "msgr.net.acceptor")
    async with echoing() as server:
        for _ in range(3):
            with pytest.raises(msgr.MsgrError):
                async with dialled(server, name="client.nobody", auth=keyring("client.nobody")):
                    pass
        await until(lambda: server.stats.failed == 3)
        for _ in range(2):
            await is_served(server)
    told = [record.__dict__["msgr"] for record in caplog.records if "msgr" in record.__dict__]
    assert [line["event"] for line in told] == ["no-session", "no-session-over"]
    assert told[1]["muted"] == 2
