"""What one node says to the others, and the account of what it hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import anyio
import anyio.abc

from ..errors import MsgrError, PeerError
from ..net import Session
from ..session import ChannelQueue, Message, Outcome
from ..testing import Track

_BACKLOG: Final = 1 << 20
"""Bytes that wait in each channel, so that it is busy all the time: as much as is sealed at once, and more than that
leaves any channel."""
_LARGE_EVERY: Final = 32
_LARGE: Final = 192 << 10
_STEP: Final = 16


def message(seed: int, source: int, target: int, channel: int, number: int) -> Message:
    """Return a message whose content and size follow from who, whom, which channel and which."""
    digest = blake2b(f"{seed}/{source}/{target}/{channel}/{number}".encode()).digest()
    size = digest[0] * _STEP + (_LARGE if digest[1] % _LARGE_EVERY == 0 else 0)
    data = (digest * (size // len(digest) + 1))[:size]
    return Message(type=1, tid=number, front=digest, data=data, channel=channel)


class Traffic:
    """All that one node sends and receives. Each channel of each session is kept busy until `finish`."""

    def __init__(self, node: int, seed: int, quotas: Mapping[int, int]) -> None:
        self.sent = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.volume: Counter[int] = Counter()
        self.tracks: dict[tuple[int, int], Track] = {}
        self.sessions: dict[int, Session] = {}
        self.errors: list[str] = []
        self._node = node
        self._seed = seed
        self._quotas = quotas
        self._finished = anyio.Event()
        self._writing = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing more is sent, and of all that was the outcome is known."""
        settled = self.sent == sum(self.outcomes.values())
        return self._finished.is_set() and not self._writing and settled

    def finish(self) -> None:
        """Send no more."""
        self._finished.set()
        for session in self.sessions.values():
            session.changed.ring()

    async def talk(self, session: Session, tasks: anyio.abc.TaskGroup) -> None:
        """Say everything to the node at the other end of a session, and hear what it says, until the session ends."""
        try:
            await session.ready()
            node = session.peer.node
            assert node is not None  # nobody else is let in
            self.sessions[node.node] = session
            for channel in self._quotas:
                tasks.start_soon(self._write, session, node.node, channel)
            async for heard in session:
                self._take(node.node, heard)
        except MsgrError as error:
            self.errors.append(f"{type(error).__name__}: {error.explain()}")

    async def _write(self, session: Session, target: int, channel: int) -> None:
        self._writing += 1
        queue = session.core.traffic.queue
        assert isinstance(queue, ChannelQueue)
        number = 0
        try:
            while not self._finished.is_set():
                if queue.backlog(channel) >= _BACKLOG:
                    await session.until_written()
                    continue
                receipt = await session.send(message(self._seed, self._node, target, channel, number))
                number += 1
                self.sent += 1
                if receipt.outcome is None:
                    receipt.on_done = self._note
                else:
                    self._note(receipt.outcome)
        except MsgrError as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        finally:
            self._writing -= 1

    def _note(self, outcome: Outcome) -> None:
        self.outcomes[outcome] += 1

    def _take(self, source: int, heard: Message) -> None:
        """Note that a message arrived; raises PeerError for one that is not what was sent."""
        wanted = message(self._seed, source, self._node, heard.channel, heard.tid)
        if (heard.front, heard.data) != (wanted.front, wanted.data):
            raise PeerError(f"message {heard.tid} of channel {heard.channel} came changed", rule="MESSAGE-1")
        self.tracks.setdefault((source, heard.channel), Track()).take(heard.tid)
        # Shares are of what comes while all channels are busy: they begin one after the other.
        if all((source, channel) in self.tracks for channel in self._quotas):
            self.volume[heard.channel] += heard.size
