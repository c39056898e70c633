"""One node, in a process of its own: it takes orders on standard input, reports on standard output, ends with either.

Orders are documents with `do`: `join` (`peers`: where each is; those with a higher number are dialled), `become`
(`cluster`, `accepted`), `finish` (say no more, and report when all is settled) and `end`.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.abc

from ..auth import Keyring
from ..core import Timeouts
from ..interconnect import Encryption, Meant, Node
from ..net import Interconnect, Messenger, Session
from ..session import ChannelQuotas, Outcome, Policy
from .figures import NodeFigures
from .orders import Order, line, lines
from .traffic import Traffic

T = TypeVar("T")

_REPORT: Final = 0.25
_TIMEOUTS: Final = Timeouts(initial_backoff=0.02, max_backoff=0.5)


class _Refusals(logging.Handler):
    """Keeps what the listening side tells of nodes that were refused."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of a record, if it is such a one."""
        if getattr(record, "msgr", {}).get("error") == "NodeRefused":
            self.texts.append(record.getMessage())


class Worker:
    """A node that talks to all others."""

    def __init__(self, begin: Order) -> None:
        self.number: int = begin["node"]
        self.traffic = Traffic(self.number, begin["seed"], quotas := _numbered(begin["quotas"]))
        self.messenger = Messenger(
            f"osd.{self.number}",
            auth=Keyring.loads(begin["keyring"]),
            policy=Policy.lossless_peer(),
            listen=f"v2:127.0.0.1:0/{self.number}",
            channels=ChannelQuotas(quotas=quotas),
            interconnect=Interconnect(node=self._node(begin)),
            timeouts=_TIMEOUTS,
        )
        self._refusals = _Refusals()
        self._finished = False

    def _node(self, order: Order) -> Node:
        return Node(
            id=self.number,
            host=f"node-{self.number}",
            cluster=order["cluster"],
            accepted_clusters=tuple(order["accepted"]),
            encryption=Encryption.REQUIRED,
        )

    async def run(self) -> None:
        """Do as is ordered, until the end of the orders."""
        log = logging.getLogger("msgr.net.acceptor")
        log.setLevel(logging.DEBUG)
        log.addHandler(self._refusals)
        async with self.messenger, anyio.create_task_group() as tasks:
            _say({"listening": str(self.messenger.addresses[0])})
            tasks.start_soon(self._welcome, tasks)
            tasks.start_soon(self._report)
            async for order in lines(sys.stdin.fileno()):
                if order["do"] == "end":
                    break
                self._obey(order, tasks)
            tasks.cancel_scope.cancel()

    def _obey(self, order: Order, tasks: anyio.abc.TaskGroup) -> None:
        match order["do"]:
            case "join":
                for number, address in _numbered(order["peers"]).items():
                    if number > self.number or order.get("all"):
                        session = self.messenger.session(address, meant=Meant(number))
                        tasks.start_soon(self.traffic.talk, session, tasks)
            case "become":
                self.messenger.become(self._node(order))
            case "finish":
                self._finished = True
                self.traffic.finish()

    async def _welcome(self, tasks: anyio.abc.TaskGroup) -> None:
        async for session in self.messenger:
            tasks.start_soon(self.traffic.talk, session, tasks)

    async def _report(self) -> None:
        while True:
            _say({"figures": self._figures(), "done": self._finished and self.traffic.is_done})
            await anyio.sleep(_REPORT)

    def _figures(self) -> Order:
        traffic, node = self.traffic, self.messenger.node
        assert node is not None
        sessions = self.messenger.sessions
        figures = NodeFigures(
            node=self.number,
            cluster=node.cluster,
            peers=sorted(number for session in sessions if (number := _peer(session))),
            sessions=len(sessions),
            sent=traffic.sent,
            received=sum(track.received for track in traffic.tracks.values()),
            duplicated=sum(track.duplicated for track in traffic.tracks.values()),
            reordered=sum(track.reordered for track in traffic.tracks.values()),
            delivered=traffic.outcomes[Outcome.ACKNOWLEDGED],
            undelivered=traffic.outcomes[Outcome.UNDELIVERED],
            unknown=traffic.outcomes[Outcome.UNKNOWN],
            volume=dict(traffic.volume),
            reconnects=sum(max(0, session.stats.counters.connections - 1) for session in sessions),
            refused=self._refusals.texts,
            errors=traffic.errors,
        )
        return figures.document()


def _peer(session: Session) -> int:
    """Return the number of the node at the other end, or 0 while there is no connection."""
    node = session.peer.node if session.connected else None
    return 0 if node is None else node.node


def _numbered(document: dict[str, T]) -> dict[int, T]:
    """Return what JSON had to write with its numbers as text."""
    return {int(key): value for key, value in document.items()}


def _say(document: Order) -> None:
    os.write(sys.stdout.fileno(), line(document))


async def _serve(begin: Order) -> None:
    await Worker(begin).run()


async def _main() -> None:
    async for begin in lines(sys.stdin.fileno()):
        return await _serve(begin)


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # whoever started it has gone
        anyio.run(partial(_main))
