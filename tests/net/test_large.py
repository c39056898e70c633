"""Messages of megabytes."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from msgr import Limits, Message, Mode, Revision

from .world import FORMS, dialled, echoing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_MIB = 1 << 20


@pytest.mark.parametrize(("mode", "revision"), FORMS)
async def test_16_mib(mode: Mode, revision: Revision) -> None:
    """Small ones before and behind it keep their places."""
    await there_and_back(16 * _MIB, mode, revision)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "revision"), FORMS)
async def test_100_mib(mode: Mode, revision: Revision) -> None:
    await there_and_back(100 * _MIB, mode, revision)


async def there_and_back(size: int, mode: Mode, revision: Revision) -> None:
    """Send a small message, a large one, and a small one; compare what comes back."""
    form: dict[str, Any] = {"modes": (mode,), "revisions": frozenset({revision}), "limits": Limits(data=size)}
    data = bytes(range(251)) * (size // 251 + 1)
    large = Message(type=1, tid=1, front=data[:_MIB], middle=data[1:100], data=memoryview(data)[:size])
    async with echoing(**form) as server, dialled(server, **form) as session:
        with anyio.fail_after(60):
            for message in (Message(type=1, tid=0, front=b"a"), large, Message(type=1, tid=2, front=b"b")):
                await session.send(message)
            assert (await session.receive()).tid == 0
            back = await session.receive()
            assert (back.front, back.middle) == (large.front, large.middle)
            assert memoryview(back.data) == large.data
            assert (await session.receive()).tid == 2
