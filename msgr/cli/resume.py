"""What `msgr demo` shows of sessions: the TCP connection is cut in mid-stream, and nothing is lost."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final

import anyio

from ..auth import CryptoKey, Keyring
from ..core import Limits
from ..frame import Mode, Revision
from ..net import Messenger, Session, connect, serve
from ..session import Message, Outcome, Policy
from ..testing import ChaosProxy

_NAME: Final = "client.demo"
_MESSAGES: Final = 4000
_SIZE: Final = 1000
_CUTS: Final = 4
_WINDOW: Final = 256 << 10
"""Bytes that are on their way at most, and so are sent again at most where the connection is cut."""
_LIMIT: Final = 30.0
"""Seconds in which everything has to arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What became of a stream of messages whose connection was cut."""

    messages: int
    cuts: int
    """Times that the TCP connection was cut, by turns with a FIN and with an RST."""
    resumed: int
    """Times that the session went on over another connection."""
    resent: int
    """Messages that were written again, because nobody knew whether they had arrived."""
    lost: int
    duplicated: int
    acknowledged: int
    """Messages whose receipt says that they arrived."""
    seconds: float


async def resume_demo(mode: Mode = Mode.SECURE, revision: Revision = Revision.REV1) -> Resumed:
    """Send messages over connections that are cut in mid-stream; returns what arrived. Raises TimeoutError."""
    keyring = Keyring()
    keyring.add(_NAME, CryptoKey.generate(secrets.token_bytes, time.time()))
    modes, revisions = (mode,), frozenset({revision})
    async with (
        ChaosProxy() as proxy,
        serve(
            "v2:127.0.0.1:0",
            name="mds.demo",
            auth=keyring,
            policy=Policy.stateful_server(),
            advertise=proxy.address,
            modes=modes,
            revisions=revisions,
        ) as server,
    ):
        proxy.target = str(server.listening[0])
        begin = time.perf_counter()
        async with connect(
            proxy.address,
            name=_NAME,
            auth=keyring,
            policy=Policy.lossless_client(),
            modes=modes,
            revisions=revisions,
            limits=Limits(outbox=_WINDOW),
        ) as session:
            with anyio.fail_after(_LIMIT):
                return await _stream(session, server, proxy, begin)


async def _stream(session: Session, server: Messenger, proxy: ChaosProxy, begin: float) -> Resumed:
    """Send all messages, cut the connection every so many that arrived, and wait for every receipt."""
    arrived: list[int] = []
    cuts = 0

    async def receive() -> None:
        nonlocal cuts
        async for message in await anext(server):
            arrived.append(message.tid)
            if len(arrived) % (_MESSAGES // (_CUTS + 1)) == 0 and cuts < _CUTS:
                cuts += proxy.cut(reset=cuts % 2 == 1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        front = secrets.token_bytes(_SIZE)
        receipts = [await session.send(Message(type=1, tid=tid, front=front)) for tid in range(_MESSAGES)]
        outcomes = [await receipt for receipt in receipts]
        tasks.cancel_scope.cancel()
    counters = session.stats.counters
    return Resumed(
        messages=_MESSAGES,
        cuts=cuts,
        resumed=counters.connections - 1,
        resent=counters.resent,
        lost=len(set(range(_MESSAGES)) - set(arrived)),
        duplicated=len(arrived) - len(set(arrived)),
        acknowledged=outcomes.count(Outcome.ACKNOWLEDGED),
        seconds=round(time.perf_counter() - begin, 4),
    )
