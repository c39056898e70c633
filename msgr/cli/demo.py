"""`msgr demo`: both ends of a conversation in one process, in every mode, with figures."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any, Final

import anyio
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ..auth import CryptoKey, Keyring
from ..errors import PeerError
from ..frame import Mode, Revision
from ..net import Messenger, Session, connect, serve
from ..session import Message
from .options import JsonOption
from .report import FAILED, Report
from .resume import Resumed, resume_demo
from .words import micros, written

_NAME: Final = "client.demo"
_REQUESTS: Final = 1000
_SIZE: Final = 1000
_LARGE: Final = 16 << 20
_KEEPALIVES: Final = 10
_REQUEST, _REPLY = 1, 2
_ROUNDS: Final = (
    (Mode.SECURE, Revision.REV1),
    (Mode.CRC, Revision.REV1),
    (Mode.SECURE, Revision.REV0),
    (Mode.CRC, Revision.REV0),
)
_LEGEND: Final = f"""\
In each mode the two ends proved to each other that they know the key (cephx), and
each sent {_REQUESTS:,} requests of {_SIZE:,} bytes and answered those of the other. Then one
message of 16 MiB went there and back, and {_KEEPALIVES} keepalives were answered. All that
came back was compared with what was sent. Both ends share one process here.

secure    every frame is encrypted and authenticated (AES-128-GCM)
crc       checksums only: they find bit errors, and keep no secrets
revision  of the framing: 2.1 is Ceph's present one, 2.0 the one before it
messages  how many arrived, requests and answers together
handshake from the first byte to a session
requests  how many were answered in a second, in both directions together
16 MiB    that message, there and back
keepalive the median time until one was answered"""


@dataclass(slots=True, kw_only=True)
class Round:
    """What happened in one mode. The seconds and megabytes are those of all its messages, there and back."""

    mode: str
    revision: str
    auth: str = "cephx"
    messages: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    rtt_us: float = 0.0
    handshake_ms: float = 0.0
    requests_per_second: float = 0.0
    large_ms: float = 0.0
    keepalives: int = _KEEPALIVES


def demo(json: JsonOption = False) -> None:
    """Run a server and a client in all four modes; needs nothing."""
    report = Report(json=json)
    keyring = Keyring()
    keyring.add(_NAME, CryptoKey.generate(secrets.token_bytes, time.time()))
    report.line(f"made a key of type aes256k for {_NAME}")
    rounds = [anyio.run(partial(_round, keyring, mode, revision, report)) for mode, revision in _ROUNDS]
    resumed = anyio.run(resume_demo)
    if not json:
        Console().print(_table(rounds))
        report.line(_LEGEND)
        report.line(_story(resumed))
    whole = not (resumed.lost or resumed.duplicated)
    report.document({"ok": whole, "modes": [asdict(each) for each in rounds]})
    if not whole:
        raise typer.Exit(FAILED)


def _story(resumed: Resumed) -> str:
    """Return what became of a session whose connections were cut."""
    return (
        f"\nthen a lossless session sent {resumed.messages:,} messages while its TCP connection was cut "
        f"{resumed.cuts} times in mid-stream:\nit went on {resumed.resumed} times, wrote {resumed.resent} messages "
        f"again, lost {resumed.lost}, and delivered {resumed.duplicated} twice"
    )


async def _round(keyring: Keyring, mode: Mode, revision: Revision, report: Report) -> Round:
    """Run a server and a client in one mode."""
    found = Round(mode=mode.name.lower(), revision=str(revision))
    given: dict[str, Any] = {"auth": keyring, "modes": (mode,), "revisions": frozenset({revision})}
    async with serve("v2:127.0.0.1:0", name="mon.demo", **given) as server:
        address = written(server.addresses[0])
        begin = time.perf_counter()
        # Tasks within both ends: those of an interrupted program end before an end is lost to the other.
        async with connect(address, name=_NAME, **given) as session, anyio.create_task_group() as tasks:
            found.handshake_ms = _milliseconds(begin)
            report.line(
                f"{found.mode} mode, revision {found.revision}: {_NAME} is in at {address}, "
                f"with global id {session.peer.login.global_id}"
            )
            tasks.start_soon(_be_server, server)
            await _be_client(session, found)
            tasks.cancel_scope.cancel()
    return found


async def _be_server(server: Messenger) -> None:
    session = await anext(server)
    async with session:
        await _converse(session)
        await session.send(await session.receive())
        async for message in session:  # until the client leaves
            raise PeerError(f"message {message.tid} was not expected", rule="MESSAGE-1")


async def _be_client(session: Session, found: Round) -> None:
    begin = time.perf_counter()
    await _converse(session)
    small = time.perf_counter() - begin
    data = secrets.token_bytes(_LARGE)
    begin = time.perf_counter()
    await session.send(Message(type=_REQUEST, data=data))
    reply = await session.receive()
    _check(reply.data == data, "the message of 16 MiB came back changed")
    found.large_ms = _milliseconds(begin)
    found.seconds = round(small + found.large_ms / 1e3, 4)
    found.messages = 4 * _REQUESTS + 2
    found.megabytes = (4 * _REQUESTS * _SIZE + 2 * _LARGE) / 1e6
    found.requests_per_second = round(2 * _REQUESTS / small, 1)
    found.rtt_us = median([micros(await session.ping()) for _ in range(_KEEPALIVES)])


async def _converse(session: Session) -> None:
    """Be one of two ends that both ask and both answer, until all is asked and answered."""
    front = secrets.token_bytes(_SIZE)

    async def ask() -> None:
        for tid in range(_REQUESTS):
            await session.send(Message(type=_REQUEST, tid=tid, front=front))

    asked = answered = 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        while asked < _REQUESTS or answered < _REQUESTS:
            message = await session.receive()
            if message.type == _REQUEST:
                await session.send(Message(type=_REPLY, tid=message.tid, front=message.front))
                asked += 1
            else:
                _check(message.tid == answered and message.front == front, f"reply {answered} is another")
                answered += 1


def _check(good: bool, otherwise: str) -> None:
    if not good:
        raise PeerError(otherwise, rule="MESSAGE-1")


def _milliseconds(begin: float) -> float:
    return round((time.perf_counter() - begin) * 1e3, 2)


def _table(rounds: list[Round]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("mode", "revision"):
        table.add_column(heading)
    for heading in ("messages", "handshake", "requests", "16 MiB", "keepalive"):
        table.add_column(heading, justify="right", min_width=9)
    for each in rounds:
        table.add_row(
            each.mode,
            each.revision,
            f"{each.messages:,}",
            f"{each.handshake_ms:.1f} ms",
            f"{each.requests_per_second:,.0f}/s",
            f"{each.large_ms:.0f} ms",
            f"{each.rtt_us:,.0f} us",
        )
    return table
