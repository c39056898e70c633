"""Two nodes of a mesh and the session between them, over loopback: for tests of what a session does.

They let each other in without a proof, and take the options of `Messenger`. Who tests whether nodes let each other in
needs `mesh`, whose nodes have keys and take the options of `Node` and `Interconnect`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from msgr import Interconnect, Message, Messenger, Node, Policy, Session, Timeouts
from msgr.testing import ChaosProxy

from .world import BOUND, LOOPBACK

QUICK: Final = Timeouts(initial_backoff=0.01, max_backoff=0.05, close=1.0)
HELLO: Final = 1
"""The type of the message with which a session begins."""


def messenger(number: int, *, node: bool = True, **options: Any) -> Messenger:
    """Return a node of the mesh; without `node`, an end like any other."""
    settings: dict[str, Any] = {"auth": None, "policy": Policy.lossless_peer(), "timeouts": QUICK} | options
    if node:
        settings["interconnect"] = Interconnect(node=Node(id=number, cluster="mesh"))
    return Messenger(f"osd.{number}", **settings)


async def join(near: Messenger, far: Messenger, at: str | None = None) -> tuple[Session, Session]:
    """Dial one from the other; returns both ends of their session."""
    session = near.session(at or str(far.listening[0]))
    await session.send(Message(type=HELLO))
    with anyio.fail_after(BOUND):
        other = await anext(far)
        assert (await other.receive()).type == HELLO
    return session, other


@asynccontextmanager
async def joined(
    *, far: dict[str, Any] | None = None, through: ChaosProxy | None = None, **near: Any
) -> AsyncIterator[tuple[Session, Session]]:
    """Hold both ends of a session between two nodes; `through` a proxy, if there is one."""
    advertise = through.address if through else None
    async with messenger(2, listen=LOOPBACK, advertise=advertise, **(near | (far or {}))) as listening:
        if through is not None:
            through.target = str(listening.listening[0])
        async with messenger(1, **near) as dialling:
            ends = await join(dialling, listening, advertise)
            try:
                yield ends
            finally:
                for end in ends:
                    end.abort()
