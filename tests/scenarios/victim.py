"""Processes to be killed: a nursery that forks one for each line of orders on its standard input.

A line is JSON, see `Orders`; the answer is a line with the process id, and a victim's own with its
address, or with what failed. Forked, they start in no time. The nursery ends, with all of its victims,
when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Final

import anyio
import anyio.lowlevel

from msgr import Keyring, Message, Messenger, MsgrError, Policy, Session, Timeouts

BODY: Final = 3000
POLICIES: Final = {
    "lossy_client": Policy.lossy_client(),
    "lossless_client": Policy.lossless_client(),
    "lossless_peer": Policy.lossless_peer(),
    "stateful_server": Policy.stateful_server(),
    "stateless_server": Policy.stateless_server(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a victim does until it is killed: it sends without end, and takes what comes."""

    policy: str
    listen: str
    target: str = ""
    """Whom it dials; without one, it waits to be dialled."""
    incarnation: int = 0
    """What it writes into the version of its messages."""
    keyring: str = field(default="", repr=False)
    """The keys of both ends, as a keyring's text: then it speaks cephx, in secure mode. Without, none, in crc mode."""

    def line(self) -> bytes:
        """Return these orders as the nursery takes them."""
        return json.dumps(asdict(self)).encode() + b"\n"


async def talk(session: Session, incarnation: int) -> None:
    """Send without end, and take what comes."""
    tid = 0

    async def take() -> None:
        with suppress(MsgrError):
            async for _ in session:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        with suppress(MsgrError):
            while True:
                await session.send(Message(type=3, tid=tid, version=incarnation, front=bytes(tid % BODY)))
                tid += 1
                await anyio.lowlevel.checkpoint()


async def live(orders: Orders, answers: int) -> None:
    """Be a victim."""
    quick = Timeouts(initial_backoff=0.005, max_backoff=0.02)
    auth = Keyring.loads(orders.keyring) if orders.keyring else None
    node = Messenger("osd.1", auth=auth, policy=POLICIES[orders.policy], listen=orders.listen, timeouts=quick)
    async with node, anyio.create_task_group() as tasks:
        os.write(answers, f"{node.addresses[0]}\n".encode())
        if orders.target:
            tasks.start_soon(talk, node.session(orders.target), orders.incarnation)
        async for session in node:
            tasks.start_soon(talk, session, orders.incarnation)


def _main() -> None:
    # The dead are waited for at the end only: until then nobody else can get their process ids.
    children: list[int] = []
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(sys.stdin.fileno())
            try:
                anyio.run(live, Orders(**json.loads(line)), sys.stdout.fileno())
            except BaseException as error:
                os.write(sys.stdout.fileno(), f"failed: {error!r}\n".encode())
            finally:
                os._exit(1)
        children.append(child)
        os.write(sys.stdout.fileno(), f"{child}\n".encode())
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _main()
