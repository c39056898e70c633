"""Names with several addresses, and what is left when nobody waits for the answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import anyio
import pytest

from msgr.doctor import Subject, examine
from msgr.doctor.reach import reach
from tests.net.leaks import Resources

from .patients import HASTE, saying, wrong

pytestmark = pytest.mark.anyio

SUBJECT = Subject(address="v2:several:6789", timeouts=HASTE)


@pytest.fixture
def good() -> Iterator[tuple[str, int]]:
    """An address that answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


@pytest.fixture
def refusing() -> Iterator[tuple[str, int]]:
    """An address that refuses."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.2", 0))
        yield bound.getsockname()


@pytest.fixture
def filtered() -> Iterator[tuple[str, int]]:
    """An address that never answers: its queue is full, so that the system drops what comes."""
    with socket.socket() as full:
        full.bind(("127.0.0.3", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname(), timeout=5):
            yield full.getsockname()


async def test_a_refusal_costs_nothing(good: tuple[str, int], refusing: tuple[str, int]) -> None:
    finding, chosen = await reach(SUBJECT, [(socket.AF_INET, refusing), (socket.AF_INET, good)])
    assert finding.ok
    assert finding.detail.startswith("127.0.0.2: refused; 127.0.0.1 answers after ")
    assert chosen is not None
    assert chosen.sockaddr == good


async def test_an_address_that_is_tried_first_in_vain(good: tuple[str, int], filtered: tuple[str, int]) -> None:
    finding, chosen = await reach(SUBJECT, [(socket.AF_INET, filtered), (socket.AF_INET, good)])
    assert finding.ok is False
    assert finding.detail.startswith("127.0.0.3: no answer after 0.5 s (filtered); 127.0.0.1 answers after ")
    assert "tried before one that works never answers" in finding.advice
    assert chosen is not None
    assert chosen.sockaddr == good
    later, _ = await reach(SUBJECT, [(socket.AF_INET, good), (socket.AF_INET, filtered)])
    assert later.ok


async def test_refused_and_filtered_are_told_apart(filtered: tuple[str, int], refusing: tuple[str, int]) -> None:
    advice = set()
    for addresses in ([refusing], [filtered]):
        finding, chosen = await reach(SUBJECT, [(socket.AF_INET, each) for each in addresses])
        assert (finding.ok, chosen) == (False, None)
        advice.add(finding.advice)
    assert len(advice) == 2


async def test_nothing_is_left_when_it_is_cancelled() -> None:
    async with saying(b"", then_close=False) as at:
        await anyio.wait_all_tasks_blocked()  # the listener has its tasks
        before = Resources.now()
        with anyio.move_on_after(0.2) as scope:
            await examine(Subject(address=at))
        assert scope.cancelled_caught
        await before.again()


async def test_findings_are_told_as_they_come() -> None:
    told: list[str] = []
    async with saying(b"SSH-2.0-x\r\n") as at:
        found = await examine(Subject(address=at), lambda finding: told.append(finding.name))
    assert told == [finding.name for finding in found.findings]
    assert "banner" in wrong(found)
