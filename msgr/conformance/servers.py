"""Judges a server: a first visit, and then every case on connections of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import anyio

from ..auth import CryptoKey
from ..errors import ConnectFailed
from ..frame import Tag
from ..net.dial import dial
from ..payload import AuthBadMethod, Banner, Hello, ServerIdent
from ..session import Message
from ..wire import Endpoint, EntityName, type_name
from .candidate import Candidate, Facts
from .case import Case
from .dialling import Dialling, Stage, Visit
from .judge import STEPS, dice_of, judge
from .peer import Checks, Form, Silence, Terms
from .result import Judgement, Result
from .verdict import NotJudged, Role, Violation

PING: Final = 2
"""The type of a message that asks nothing of a Ceph daemon but to be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to judge: the seed of all dice, how many cases at once, and times in seconds.

    `timeout` is for each answer, `patience` for a peer to end a handshake that does not go on, `wait` for a client to
    dial.
    """

    timeout: float = 2.0
    patience: float = 15.0
    wait: float = 30.0
    seed: int = 0
    jobs: int = 4


async def judge_server(
    address: str,
    cases: Sequence[Case],
    *,
    name: str,
    key: CryptoKey | None,
    settings: Settings,
    tell: Callable[[Result], None],
) -> Judgement:
    """Judge the server at an address, and `tell` of every result as it comes; raises ConnectFailed and ConfigError."""
    begin = time.monotonic()
    endpoint = Endpoint.parse(address)
    connected, target = await dial(endpoint)
    connected.close()
    candidate = Candidate(endpoint=endpoint, target=target, name=EntityName.parse(name), key=key)
    candidate = replace(candidate, facts=await survey(candidate, settings))
    results: dict[str, Result] = {}
    room = anyio.CapacityLimiter(settings.jobs)

    async def one(case: Case) -> None:
        if case.slow:
            results[case.id] = await _judge(case, candidate, settings)
        else:
            async with room:
                results[case.id] = await _judge(case, candidate, settings)
        tell(results[case.id])

    async with anyio.create_task_group() as tasks:
        for case in sorted(cases, key=lambda case: not case.slow):
            tasks.start_soon(one, case)
    return Judgement(
        address=address,
        role=Role.SERVER,
        peer="",
        about=_about(candidate),
        seed=settings.seed,
        results=[results[case.id] for case in cases],
        seconds=time.monotonic() - begin,
    )


async def _judge(case: Case, candidate: Candidate, settings: Settings) -> Result:
    checks = Checks()
    visit = _visit(candidate, settings, case.id, checks)
    limit = STEPS * settings.timeout + (settings.patience if case.slow else 0)

    async def begin() -> None:
        try:
            await case.run(await visit.dial(candidate.form))
        finally:
            with anyio.CancelScope(shield=True):
                await visit.leave()

    return await judge(
        case,
        begin,
        checks=checks,
        transcripts=visit.transcripts,
        endings=lambda: visit.peers[-1].wire.ending if visit.peers else None,
        clock=time.monotonic,
        limit=limit,
    )


def _visit(candidate: Candidate, settings: Settings, case: str, checks: Checks) -> Visit:
    terms = Terms(
        timeout=settings.timeout,
        patience=settings.patience,
        dice=dice_of(settings.seed, case),
        clock=time.monotonic,
        wall=time.time,
        checks=checks,
    )
    return Visit(candidate, terms, time.monotonic())


async def survey(candidate: Candidate, settings: Settings) -> Facts:
    """Visit a server once, and find out what it is; raises ConnectFailed."""
    facts = candidate.facts
    visit = _visit(candidate, settings, "survey", Checks())
    peer = await visit.dial(candidate.form)
    try:
        await peer.to(Stage.BANNER)
        facts.banner = peer.heard_of[Banner]
        await peer.to(Stage.HELLO)
        facts.hello = peer.heard_of[Hello]
        await peer.send(peer.nonsense())
        refusal = await peer.expect(AuthBadMethod)
        facts.methods, facts.modes = refusal.allowed_methods, refusal.allowed_modes
        peer = await visit.dial(candidate.form)
        await peer.to(Stage.READY)
        facts.ident = peer.heard_of[ServerIdent]
        facts.answers = await answers(peer)
    except (Violation, NotJudged) as error:
        facts.trouble = str(error)
    finally:
        with anyio.CancelScope(shield=True):
            await visit.leave()
    return facts


async def answers(peer: Dialling) -> bool:
    """Tell whether a message is answered by one."""
    await peer.send_frame(Message(type=PING).to_frame(seq=1, ack_seq=0))
    try:
        while (frame := await peer.next()) is not None:
            if frame.tag == Tag.MESSAGE:
                return True
    except Silence:
        return False
    return False


def _about(candidate: Candidate) -> str:
    facts = candidate.facts
    words = [type_name(facts.hello.entity_type)] if facts.hello else []
    if facts.banner:
        words.append(f"banner features {facts.banner.supported:#x}")
    if facts.ident:
        words.append("lossless sessions" if facts.lossless else "lossy sessions")
        words.append(f"spoken to as {candidate.name}, {candidate.number.name.lower()}, {candidate.form}")
    if facts.trouble:
        words.append(f"no session: {facts.trouble}")
    return ", ".join(words)


__all__ = ["PING", "ConnectFailed", "Form", "Settings", "judge_server", "survey"]
