"""What a crew and its nodes say to each other: one JSON document a line, over the standard streams of a process."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import anyio

Order: TypeAlias = dict[str, Any]


def line(document: Order) -> bytes:
    """Return a document as one line."""
    return json.dumps(document).encode() + b"\n"


async def lines(descriptor: int) -> AsyncIterator[Order]:
    """Yield the documents that come in at a descriptor, until its end. Cancelling it loses what was not yielded."""
    rest = b""
    while True:
        await anyio.wait_readable(descriptor)
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return
        *whole, rest = (rest + piece).split(b"\n")
        for each in whole:
            yield json.loads(each)
