"""The messages that wait to be written, in channels that share the way out by quota.

Each channel has a tag: how many bytes it has written, counted from when it became busy, divided by its quota. The one
with the lowest tag goes next. So over any time in which they stay busy, channels write in proportion to their quotas,
to within a message (or a part of one) each, and between two turns of a busy channel every other has a bounded number
of turns: nobody starves (CHANNEL-3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from types import MappingProxyType
from typing import Final

from ..errors import ConfigError
from .message import Message
from .queue import Entry
from .receipt import Receipt

CHANNELS: Final = 1 << 16
OVERHEAD: Final = 96
"""What a message is counted for besides its body, in bytes, about what its frame takes: so that empty ones cost too."""
SMALLEST_PART: Final = 4 << 10
LARGEST_PART: Final = 1 << 20

_HIGHEST_QUOTA: Final = 1 << 16
_SCALE: Final = 1 << 20
"""What a byte is multiplied by before it is divided by a quota. More than any quota: no message may cost nothing."""


@dataclass(frozen=True, slots=True)
class ChannelQuotas:
    """How the channels of a session share its way out: each in proportion to its quota, `default` unless it has one.

    Towards a peer that takes them, messages are written in parts of `part` bytes, so that a large one does not hold up
    other channels. Raises ConfigError for numbers that make no sense.
    """

    default: int = 1
    quotas: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    part: int = 256 << 10

    def __post_init__(self) -> None:
        for channel, quota in [("by default", self.default), *self.quotas.items()]:
            if not 1 <= quota <= _HIGHEST_QUOTA:
                raise ConfigError(f"channel {channel} has quota {quota}; 1 to {_HIGHEST_QUOTA} are possible")
        for channel in self.quotas:
            if not 0 <= channel < CHANNELS:
                raise ConfigError(f"there is no channel {channel}; they are 0 to {CHANNELS - 1} [CHANNEL-1]")
        if not SMALLEST_PART <= self.part <= LARGEST_PART:
            allowed = f"{SMALLEST_PART} to {LARGEST_PART} are possible"
            raise ConfigError(f"messages in parts of {self.part} bytes; {allowed} [CHANNEL-5]")

    def of(self, channel: int) -> int:
        """Return the quota of a channel."""
        return self.quotas.get(channel, self.default)


class _Channel:
    """What waits in one channel, first in first out."""

    __slots__ = ("entries", "quota", "size")

    def __init__(self, quota: int) -> None:
        self.entries: deque[Entry] = deque()
        self.quota = quota
        self.size = 0


class ChannelQueue:
    """A queue a channel. Each step costs the logarithm of how many channels are busy, and idle ones take no memory.

    A channel that has run dry is remembered until its tag is the lowest, and one that becomes busy begins with the tag
    that had the last turn: so nothing is gained by letting a channel run dry, nor saved up by leaving it idle.
    """

    __slots__ = ("_channels", "_heap", "_now", "_parked", "_turns", "count", "quotas", "size")

    def __init__(self, quotas: ChannelQuotas) -> None:
        self.quotas = quotas
        self.count = 0
        """How many messages wait."""
        self.size = 0
        """The bytes of all waiting messages' segments."""
        self._channels: dict[int, _Channel] = {}
        self._heap: list[tuple[int, int, int]] = []  # tag, when it was entered, channel
        self._parked: dict[int, int] = {}
        self._now = 0
        self._turns = 0

    def __bool__(self) -> bool:
        return self.count > 0

    def push(self, message: Message, receipt: Receipt) -> None:
        """Append a message to its channel, whatever its priority (CHANNEL-2)."""
        number = message.channel
        channel = self._channels.get(number)
        if channel is None:
            channel = self._channels[number] = _Channel(self.quotas.of(number))
            self._turns += 1
            heappush(self._heap, (self._now, self._turns, number))
        channel.entries.append((message, receipt))
        size = message.size
        channel.size += size
        self.size += size
        self.count += 1

    def backlog(self, channel: int) -> int:
        """Return how many bytes wait in a channel."""
        found = self._channels.get(channel)
        return 0 if found is None else found.size

    def head(self) -> Message:
        """Return the message whose turn it is; raises IndexError when there is none."""
        return self._next().entries[0][0]

    def pop(self, spent: int = 0) -> Entry:
        """Return and remove the message whose turn it is; `spent` bytes of it were charged before.

        Raises IndexError when there is none.
        """
        channel = self._next()
        entry = channel.entries.popleft()
        size = entry[0].size
        channel.size -= size
        self.size -= size
        self.count -= 1
        if self.count:
            self.charge(size - spent + OVERHEAD)
        else:  # with nobody to share with, it does not matter who has had how much
            self._clear()
        return entry

    def charge(self, size: int) -> None:
        """Count `size` bytes for the channel whose turn it is, and give the turn to the next."""
        tag, _, number = self._heap[0]
        self._now = tag
        self._turns += 1
        heapreplace(self._heap, (tag + size * _SCALE // self._channels[number].quota, self._turns, number))

    def park(self) -> None:
        """Take out the channel whose turn it is, until `unpark`."""
        tag, _, number = heappop(self._heap)
        self._parked[number] = tag

    def unpark(self, channel: int) -> None:
        """Let a channel that was parked have its turns again."""
        self._turns += 1
        heappush(self._heap, (max(self._now, self._parked.pop(channel)), self._turns, channel))

    def drain(self) -> Iterator[Entry]:
        """Pop all that wait at this moment, one channel after the other."""
        channels = self._channels
        self._clear()
        for channel in channels.values():
            yield from channel.entries

    def _next(self) -> _Channel:
        """Return the channel whose turn it is, and forget those before it that have run dry."""
        while True:
            number = self._heap[0][2]
            channel = self._channels[number]
            if channel.entries:
                return channel
            heappop(self._heap)
            del self._channels[number]

    def _clear(self) -> None:
        self._channels = {}
        self._heap = []
        self._parked = {}
        self.count = self.size = self._now = self._turns = 0
