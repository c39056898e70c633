"""Every case about servers: our own passes it, and a server that breaks its rule does not."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

from msgr.conformance import Case, Judgement, Result, Role, Settings, Verdict, all_cases, choose, judge_server
from msgr.conformance.case import TOPICS

from .liar import HONEST, Lie
from .lies import LIES, lie_for
from .stages import ADMIN, KINDS, Kind, serving

pytestmark = pytest.mark.anyio

CASES: Final = all_cases(Role.SERVER)
SEEN: Final = frozenset({Verdict.FAIL, Verdict.ADVISE})
AT_ONCE: Final = 8
HANDSHAKE: Final = 1.5


def nobody(_: Result) -> None:
    """Tell nobody."""


async def judged(kind: Kind, lie: Lie, cases: tuple[Case, ...], settings: Settings, handshake: float) -> Judgement:
    """Judge a server of this kind that lies like this."""
    async with serving(kind, lie, handshake=handshake) as address:
        return await judge_server(address, cases, name=ADMIN, key=kind.key, settings=settings, tell=nobody)


def verdicts(judgement: Judgement) -> dict[str, Verdict]:
    """Return the verdicts by case."""
    return {result.case.id: result.verdict for result in judgement.results}


async def test_an_honest_server_passes_every_case(patient: Settings) -> None:
    passed: set[str] = set()
    for kind in KINDS.values():
        found = verdicts(await judged(kind, HONEST, CASES, patient, HANDSHAKE))
        passed |= {case for case, verdict in found.items() if verdict is Verdict.PASS}
        assert {case: verdict for case, verdict in found.items() if verdict not in (Verdict.PASS, Verdict.SKIP)} == {}
    assert {case.id for case in CASES} - passed == set()


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_lie_is_seen_through(topic: str, brisk: Settings, anyio_backend: str) -> None:
    missed: list[str] = []
    room = anyio.CapacityLimiter(AT_ONCE)

    async def confront(case: Case) -> None:
        async with room:
            if not await sees_through(case, brisk):
                missed.append(case.id)

    async with anyio.create_task_group() as tasks:
        for case in choose(CASES, [topic]):
            tasks.start_soon(confront, case)
    assert missed == []


async def sees_through(case: Case, settings: Settings) -> bool:
    """Tell whether a case finds its lie; some can only with a key, or only where a server asks for none."""
    for name in ("none-node",) if case.topic == "nodes" else ("cephx-lossless", "none-lossy"):
        judgement = await judged(KINDS[name], lie_for(case), (case,), settings, 60.0)
        if judgement.results[0].verdict in SEEN:
            return True
    return False


@pytest.mark.parametrize("rule", ["FRAME-5", "AUTH-25", "IDENT-2", "ACK-2"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_lie_about_one_rule_fails_the_cases_of_that_rule_alone(
    rule: str, brisk: Settings, anyio_backend: str
) -> None:
    quick = tuple(case for case in CASES if not case.slow)
    judgement = await judged(KINDS["cephx-lossless"], Lie(forgives=frozenset({rule})), quick, brisk, 60.0)
    failed = {result.case.rule for result in judgement.results if result.verdict in SEEN}
    assert failed == {rule}


def test_every_lie_is_for_a_case() -> None:
    starts = {start for start in LIES if not any(case.id.startswith(start) for case in CASES)}
    assert starts == set()


async def test_the_seed_decides_what_is_sent(patient: Settings) -> None:
    cases = choose(CASES, ["PAYLOAD-9", "CEPHX-2"])
    sent = []
    for seed in (1, 1, 2):
        settings = Settings(timeout=patient.timeout, seed=seed)
        judgement = await judged(KINDS["none-lossy"], HONEST, cases, settings, 10.0)
        entries = judgement.results[-1].transcripts[0].entries
        sent.append([entry.says.partition("target")[0] for entry in entries if entry.sent and "IDENT" in entry.says])
    assert sent[0] == sent[1] != sent[2]
