"""Every case about clients: our own passes it, and a client that breaks its rule does not."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio
import pytest

from msgr.conformance import Case, Judgement, Result, Role, Settings, Verdict, all_cases, choose, judge_client
from msgr.conformance.case import TOPICS
from msgr.errors import ConnectFailed
from msgr.frame import Frame, Tag
from msgr.net.tasks import quiet_tasks
from msgr.payload import AuthReplyMore

from .client_lies import LIES, lie_for
from .diallers import HABITS, Habit, keep_dialling
from .liar import HONEST, Lie, Past
from .test_servers import AT_ONCE, HANDSHAKE, SEEN, nobody, verdicts
from .twists import TooStrict, refuses

pytestmark = pytest.mark.anyio

CASES: Final = all_cases(Role.CLIENT)
LOOPBACK: Final = "v2:127.0.0.1:0"


async def judged(habit: Habit, lie: Lie, cases: tuple[Case, ...], settings: Settings, handshake: float) -> Judgement:
    """Judge a client of this habit that lies like this."""
    async with quiet_tasks() as tasks:

        def listens(address: str) -> None:
            tasks.start_soon(partial(keep_dialling, address, habit, lie, handshake=handshake))

        judgement = await judge_client(
            LOOPBACK, cases, name="mon.a", keyring=habit.ring, settings=settings, tell=nobody, listens=listens
        )
        tasks.cancel_scope.cancel()
    return judgement


async def test_an_honest_client_passes_every_case(patient: Settings) -> None:
    passed: set[str] = set()
    for habit in HABITS.values():
        found = verdicts(await judged(habit, HONEST, CASES, patient, HANDSHAKE))
        passed |= {case for case, verdict in found.items() if verdict is Verdict.PASS}
        assert {case: verdict for case, verdict in found.items() if verdict not in (Verdict.PASS, Verdict.SKIP)} == {}
    assert {case.id for case in CASES} - passed == set()


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if any(case.topic == topic for case in CASES)])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_lie_is_seen_through(topic: str, brisk: Settings, anyio_backend: str) -> None:
    missed: list[str] = []
    room = anyio.CapacityLimiter(AT_ONCE)

    async def confront(case: Case) -> None:
        async with room:
            for habit in HABITS.values():
                judgement = await judged(habit, lie_for(case), (case,), brisk, 60.0)
                if judgement.results[0].verdict in SEEN:
                    return
            missed.append(case.id)

    async with anyio.create_task_group() as tasks:
        for case in choose(CASES, [topic]):
            tasks.start_soon(confront, case)
    assert missed == []


async def test_a_client_may_tire_of_a_connection_at_any_step(patient: Settings) -> None:
    steps = (Tag.HELLO, Tag.AUTH_REPLY_MORE, Tag.AUTH_DONE, Tag.AUTH_SIGNATURE, Tag.SERVER_IDENT)
    dialled, left = 0, set()

    def tires(frame: Frame, past: Past) -> Frame:
        nonlocal dialled
        dialled += not past
        tired, step = dialled % 2, steps[dialled // 2 % len(steps)]
        if tired and frame.tag == step:
            left.add(step)
            raise TooStrict
        return frame

    judgement = await judged(HABITS["cephx-lossless"], Lie(hears=tires), choose(CASES, ["STATE-1"]), patient, HANDSHAKE)
    assert {case: verdict for case, verdict in verdicts(judgement).items() if verdict is not Verdict.PASS} == {}
    assert left == set(steps)


async def test_a_client_that_leaves_every_time_is_held_to_it(brisk: Settings) -> None:
    lie = refuses(AuthReplyMore)
    judgement = await judged(
        HABITS["cephx-lossless"], lie, choose(CASES, ["STATE-1/before-the-identity"])[:1], brisk, HANDSHAKE
    )
    (result,) = judgement.results
    assert (result.verdict, result.seen, len(result.transcripts)) == (Verdict.FAIL, "the connection is closed", 4)


def test_every_lie_is_for_a_case() -> None:
    assert {start for start in LIES if not any(case.id.startswith(start) for case in CASES)} == set()


async def test_nobody_who_dials_is_no_peer() -> None:
    with pytest.raises(ConnectFailed, match="nobody dialled"):
        await judge_client(
            LOOPBACK,
            CASES[:2],
            name="mon.a",
            keyring=None,
            settings=Settings(wait=0.1),
            tell=nobody,
            listens=lambda address: None,
        )


async def test_a_client_that_stops_dialling_leaves_the_rest_skipped() -> None:
    briefly = Settings(timeout=0.4, wait=1.0)
    told: list[Result] = []
    cases = choose(CASES, ["BANNER-1", "BANNER-2"])
    async with quiet_tasks() as tasks:

        def listens(address: str) -> None:
            tasks.start_soon(partial(keep_dialling, address, HABITS["none-lossy"], HONEST))

        def tell(result: Result) -> None:
            told.append(result)
            if len(told) == 2:
                tasks.cancel_scope.cancel()

        with anyio.CancelScope(shield=True):
            judgement = await judge_client(
                LOOPBACK, cases, name="mon.a", keyring=None, settings=briefly, tell=tell, listens=listens
            )
    assert [result.verdict for result in judgement.results[:2]] == [Verdict.PASS] * 2
    assert {result.verdict for result in judgement.results[3:]} == {Verdict.SKIP}
    assert "nobody dialled" in judgement.results[-1].seen
