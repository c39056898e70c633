"""What is sent, and how a receiver tells that it is that: the same for every transport.

A few messages of random bytes are made before any clock runs, and sent in turns. Who receives knows them too (both make
them from the same seed) and expects each in its turn, so a message that is lost, doubled, swapped or changed is seen.
Small ones are compared whole; of large ones the length, and the beginning, the middle and the end.
"""

from __future__ import annotations

import json
from functools import cache
from random import Random
from struct import Struct
from time import process_time
from typing import Any, Final

from msgr.wire import Octets

SMALLEST: Final = 64
"""Messages are no shorter than this; what is shorter is a word between the ends of the benchmark."""

_TURNS: Final = 251
_POOL_BYTES: Final = 32 << 20
_WHOLE: Final = 64 << 10
"""Messages up to this many bytes are compared whole."""
_CUT: Final = 4 << 10
_END: Final = Struct("<8sQ")
BYE: Final = b"\0bye"
"""Says that the client will not come back."""


class Wrong(Exception):
    """What came in is not what was sent."""


class Load:
    """The messages of one size, to be sent in turns."""

    def __init__(self, size: int) -> None:
        if size < SMALLEST:
            raise ValueError(f"messages of {size} bytes; they have {SMALLEST} at least")
        self.size = size
        random = Random(size)
        self.messages = tuple(random.randbytes(size) for _ in range(min(_TURNS, max(3, _POOL_BYTES // size))))
        # A bytearray compares itself with any kind of bytes at the speed of memcmp; a memoryview does not.
        self.expected: tuple[object, ...] = (
            tuple(bytearray(message) for message in self.messages) if size <= _WHOLE else ()
        )
        """The same to compare with, where they are compared whole."""
        self.stride = max(1, min(64, _WHOLE // size))
        """How many are sent between two looks at the clock."""

    def same(self, number: int, message: Octets) -> bool:
        """Tell whether a large message looks like the one whose turn it is."""
        expected, middle = self.messages[number % len(self.messages)], self.size // 2
        cuts = (slice(_CUT), slice(middle, middle + _CUT), slice(-_CUT, None))
        return len(message) == self.size and all(expected[cut] == bytes(message[cut]) for cut in cuts)


@cache
def load_of(size: int) -> Load:
    """Return the messages of that size: one set is enough for all the connections of a process."""
    return Load(size)


class Checker:
    """Expects the messages of a load, each in its turn."""

    def __init__(self, load: Load) -> None:
        self.number = 0
        """How many have come."""
        self._load = load

    def check(self, message: Octets) -> None:
        """Compare a message with the one whose turn it is; raises Wrong."""
        expected = self._load.expected
        same = expected[self.number % len(expected)] == message if expected else self._load.same(self.number, message)
        if not same:
            raise Wrong(f"message {self.number}, of {len(message)} bytes, is not the one that was sent in its place")
        self.number += 1


def end_of(count: int) -> bytes:
    """Return the word that ends a burst of so many messages, to which the receiver answers with its account."""
    return _END.pack(b"\0the end", count)


class Accountant:
    """Answers for what a receiver got: it tells the sender when all of a burst has come."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._before = 0
        self._cpu = process_time()

    def answer(self, word: bytes, **more: Any) -> bytes:
        """Return the account that the end of a burst asks for; raises Wrong where not as many came as were sent."""
        if len(word) != _END.size:
            raise Wrong(f"a message of {len(word)} bytes, in place of one of the load or a word")
        _, count = _END.unpack(word)
        came = self._checker.number - self._before
        if came != count:
            raise Wrong(f"{came} messages came of {count}")
        cpu = process_time()
        account = {"count": came, "cpu": cpu - self._cpu, **more}
        self._before, self._cpu = self._checker.number, cpu
        return json.dumps(account).encode()


def settle(account: Octets, count: int) -> dict[str, Any]:
    """Return what the receiver's account says; raises Wrong where it does not tell of `count` messages."""
    document: dict[str, Any] = json.loads(bytes(account))
    if document["count"] != count:
        raise Wrong(f"the receiver counts {document['count']} messages, {count} were sent")
    return document
