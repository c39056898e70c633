"""The questions, in their order; one that makes no sense after another failed is not asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..errors import MsgrError
from ..net import ProbeResult
from ..net.methods import client_methods
from ..wire import BannerFeature, EntityName
from .back import Door, door_of, judge_way_back, meet
from .finding import Examination, Finding
from .host import Place, dropped, health, judge_backlog, judge_close_wait, read
from .node import Meeting
from .path import measure
from .reach import Reached, ask_banner, reach, resolve_name
from .subject import Subject
from .talk import ask_hello, explained, judge, may_try, visit

_NO_BIT: Final = "its banner does not have the msgr extension (bit 48)"
_ALL: Final = 0.9
"""What part of the time for a question is all of it."""
_NOBODY: Final = "nobody logs in"


class _Findings(list[Finding]):
    """Findings, told as they come."""

    def __init__(self, tell: Callable[[Finding], None] | None) -> None:
        super().__init__()
        self._tell = tell

    def note(self, finding: Finding) -> None:
        """Keep a finding, and tell of it."""
        self.append(finding)
        if self._tell is not None:
            self._tell(finding)

    def leave_out(self, reason: str, *names: str) -> None:
        """Note that these are not asked."""
        for name in names:
            self.note(Finding(name=name, ok=None, detail=f"not asked: {reason}"))


async def examine(subject: Subject, tell: Callable[[Finding], None] | None = None) -> Examination:
    """Ask all that makes sense; `tell` is called with each finding as it comes.

    What a peer or a path does wrong is a finding. Raises ConfigError and KeyringError for an address, a name or a
    keyring that makes no sense. Cancelling it leaves nothing.
    """
    client_methods(EntityName.parse(subject.name), subject.auth)
    async with door_of(subject) as door:
        return await _examine(subject, _Findings(tell), door)


async def _examine(subject: Subject, findings: _Findings, door: Door | None) -> Examination:
    before = dropped()
    resolved, found = await resolve_name(subject)
    findings.note(resolved)
    reached: Reached | None = None
    if found:
        connected, reached = await reach(subject, found)
        findings.note(connected)
    else:
        findings.leave_out("there is no address", "connect")
    places = [Place.of(sockaddr) for _, sockaddr in found]
    if reached is None:
        findings.leave_out("there is no connection", *_SPOKEN)
    else:
        await _Talk(subject, reached, findings, door, places).go()
    if places:
        tables = await read(places)
        findings.note(judge_backlog(places, tables, before, dropped()))
        findings.note(judge_close_wait(places, tables))
    else:
        findings.leave_out("there is no address", "backlog", "close_wait")
    return Examination(address=subject.address, findings=tuple(findings))


_SPOKEN: Final = ("banner", "hello", "auth", "ident", "round_trip", "path_size", "reverse_path")
"""The questions that need a connection."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """Asks what needs a connection."""

    subject: Subject
    reached: Reached
    findings: _Findings
    door: Door | None
    places: Sequence[Place]

    async def go(self) -> None:
        """Ask one after the other, as far as that makes sense."""
        subject, clock = self.subject, self.subject.runtime.clock
        begun = clock()
        banner, own = await ask_banner(subject, self.reached)
        if not await self._note(banner, begun):
            return self._leave_out("it does not speak msgr v2", after="banner")
        at = subject.at(self.reached.sockaddr)
        begun = clock()
        hello, probed, error = await ask_hello(subject, at, own)
        if not await self._note(hello, begun):
            return self._leave_out("there is no HELLO", after="hello")
        if probed is None:
            await self._note(_no_refusal(error), begun)
            return self._leave_out("it does not say what it allows", after="auth")
        met = await self._log_in(at, probed)
        self.findings.note(await measure(subject, at, met))
        if isinstance(met, str):
            self.findings.leave_out(met, "reverse_path")
        else:
            self.findings.note(judge_way_back(met, self.door))

    async def _note(self, finding: Finding, begun: float) -> bool:
        """Keep a finding; one that took all its time tells how the listener is, where that is here: it may be why."""
        late = self.subject.runtime.clock() - begun >= _ALL * self.subject.patience
        if finding.ok is False and late and (found := await health(self.places)):
            finding = replace(finding, detail=f"{finding.detail}; {found}")
        self.findings.note(finding)
        return bool(finding.ok)

    def _leave_out(self, reason: str, *, after: str) -> None:
        self.findings.leave_out(reason, *_SPOKEN[_SPOKEN.index(after) + 1 :])

    async def _log_in(self, at: str, probed: ProbeResult) -> Meeting | str:
        """Ask what takes more than a stranger; returns what came of our introduction, or why there was none."""
        subject = self.subject
        reason = may_try(subject, probed)
        if reason is not None:
            self.findings.note(reason)
            why = _NOBODY if reason.ok else "there is no common way to log in"
            self.findings.leave_out(why, "ident", "round_trip")
            return why if probed.supported_features & BannerFeature.MSGR_EXT else _NO_BIT
        seen = await visit(subject, at)
        met: Meeting | str = _NOBODY if probed.supported_features & BannerFeature.MSGR_EXT else _NO_BIT
        if seen.is_in and met is _NOBODY:
            met = await meet(subject, at, self.door)
        for finding in judge(subject, at, probed, seen, met if isinstance(met, Meeting) else None):
            self.findings.note(finding)
        return met


def _no_refusal(error: MsgrError | None) -> Finding:
    advice = (
        "The peer says who it is and then nothing more that makes sense: it is not ready (a monitor without quorum), "
        "or breaks the protocol; read its log."
    )
    return Finding(name="auth", ok=False, detail=explained(error), advice=advice)
