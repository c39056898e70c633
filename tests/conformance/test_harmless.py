"""What is known to stop deployed daemons is sent by no case, neither in the open nor encrypted."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio.abc
import pytest

from msgr.auth.cephx.structs import Authenticate
from msgr.conformance import Role, Settings, all_cases, judge_client, judge_server
from msgr.conformance.damage import changed_preamble, preamble, put
from msgr.errors import DecodeError, LocalError
from msgr.frame import Frame, Mode, Preamble, Tag
from msgr.net.tasks import quiet_tasks
from msgr.payload import AuthRequest, AuthRequestMore

from .diallers import HABITS, Habit, keep_dialling
from .liar import Lie, Past
from .stages import ADMIN, KINDS, Kind, serving
from .test_servers import nobody

COMPRESSED: Final = 1


class Watch:
    """Looks at all that comes in."""

    def __init__(self) -> None:
        self.heads = 0
        self.proofs = 0

    def head(self, data: bytes) -> None:
        """Look at the preamble of a frame."""
        self.heads += 1
        assert not data[26] & COMPRESSED, Preamble.decode(data)

    def hears(self, frame: Frame, past: Past) -> Frame:
        """Look at a frame: a proof goes with secure mode only if it asks for tickets, by version 3."""
        if frame.tag == Tag.AUTH_REQUEST_MORE and any(
            Mode.SECURE in AuthRequest.decode(each.segments[0]).modes for each in past if each.tag == Tag.AUTH_REQUEST
        ):
            try:
                proof = Authenticate.decode(AuthRequestMore.decode(frame.segments[0]).payload)
            except DecodeError:
                raise AssertionError("a proof that cannot be read, where secure mode was offered") from None
            self.proofs += 1
            assert (proof.struct_v, bool(proof.other_keys)) == (3, True)
        return frame


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_servers_are_sent_nothing_that_stops_them(kind: Kind, brisk: Settings, anyio_backend: str) -> None:
    watch = Watch()
    quick = tuple(case for case in all_cases(Role.SERVER) if not case.slow)
    async with serving(kind, Lie(head=watch.head, hears=watch.hears)) as address:
        await judge_server(address, quick, name=ADMIN, key=kind.key, settings=brisk, tell=nobody)
    assert watch.heads > 500
    assert bool(watch.proofs) == kind.cephx


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_clients_are_sent_nothing_that_stops_them(brisk: Settings, anyio_backend: str) -> None:
    watch = Watch()
    steps: list[int] = []

    def hears(frame: Frame, past: Past) -> Frame:
        before = sum(each.tag == Tag.AUTH_REPLY_MORE for each in past)
        if frame.tag == Tag.AUTH_REPLY_MORE:
            steps.append(before)
        return frame

    quick = tuple(case for case in all_cases(Role.CLIENT) if not case.slow)
    for habit in HABITS.values():
        async with quiet_tasks() as tasks:

            def listens(address: str, habit: Habit = habit, tasks: anyio.abc.TaskGroup = tasks) -> None:
                tasks.start_soon(partial(keep_dialling, address, habit, Lie(head=watch.head, hears=hears)))

            await judge_client(
                "v2:127.0.0.1:0",
                quick,
                name="mon.a",
                keyring=habit.ring,
                settings=brisk,
                tell=nobody,
                listens=listens,
            )
            tasks.cancel_scope.cancel()
    assert watch.heads > 300
    assert set(steps) == {0}, "a second AUTH_REPLY_MORE stops a deployed library"


def test_no_case_is_about_what_may_not_be_sent() -> None:
    cases = (*all_cases(Role.SERVER), *all_cases(Role.CLIENT))
    assert [case.id for case in cases if case.rule in ("FRAME-8", "CEPHX-10")] == []


def test_the_flag_cannot_be_sent_by_mistake() -> None:
    with pytest.raises(LocalError, match="FRAME-8"):
        preamble(Tag.HELLO, 8, change=lambda head: put(head, 26, COMPRESSED))
    with pytest.raises(LocalError, match="FRAME-8"):
        changed_preamble(preamble(Tag.HELLO, 8), lambda head: put(head, 26, 0xFF))
