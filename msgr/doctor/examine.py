"""The questions, in their order; one that makes no sense after another failed is not asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import MsgrError
from ..net import ProbeResult
from ..net.methods import client_methods
from ..wire import EntityName
from .finding import Examination, Finding
from .host import Place, dropped, judge_backlog, judge_close_wait, read
from .path import measure
from .reach import Reached, ask_banner, reach, resolve_name
from .subject import Subject
from .talk import ask_hello, judge, may_try, visit

_REVERSE: Final = "not asked: the protocol has no frame by which a peer could be asked to dial back"


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
    before = dropped()
    findings = _Findings(tell)
    resolved, found = await resolve_name(subject)
    findings.note(resolved)
    reached: Reached | None = None
    if found:
        connected, reached = await reach(subject, found)
        findings.note(connected)
    else:
        findings.leave_out("there is no address", "connect")
    if reached is None:
        findings.leave_out("there is no connection", "banner", "hello", "auth", "ident", "round_trip", "path_size")
    else:
        await _speak(subject, reached, findings)
    findings.note(Finding(name="reverse_path", ok=None, detail=_REVERSE))
    places = [Place.of(sockaddr) for _, sockaddr in found]
    if places:
        tables = await read(places)
        findings.note(judge_backlog(places, tables, before, dropped()))
        findings.note(judge_close_wait(places, tables))
    else:
        findings.leave_out("there is no address", "backlog", "close_wait")
    return Examination(address=subject.address, findings=tuple(findings))


async def _speak(subject: Subject, reached: Reached, findings: _Findings) -> None:
    """Ask what needs a connection."""
    banner, own = await ask_banner(subject, reached)
    findings.note(banner)
    if not banner.ok:
        return findings.leave_out("it does not speak msgr v2", "hello", "auth", "ident", "round_trip", "path_size")
    at = subject.at(reached.sockaddr)
    hello, probed, error = await ask_hello(subject, at, own)
    findings.note(hello)
    if not hello.ok:
        return findings.leave_out("there is no HELLO", "auth", "ident", "round_trip", "path_size")
    if probed is None:
        findings.note(_no_refusal(error))
        return findings.leave_out("it does not say what it allows", "ident", "round_trip", "path_size")
    await _log_in(subject, at, probed, findings)
    findings.note(await measure(subject, at))


def _no_refusal(error: MsgrError | None) -> Finding:
    advice = (
        "The peer says who it is and then nothing more that makes sense: it is not ready (a monitor without quorum), "
        "or breaks the protocol; read its log."
    )
    return Finding(name="auth", ok=False, detail=str(error), advice=advice)


async def _log_in(subject: Subject, at: str, probed: ProbeResult, findings: _Findings) -> None:
    """Ask what takes more than a stranger."""
    reason = may_try(subject, probed)
    if reason is not None:
        findings.note(reason)
        why = "nobody logs in" if reason.ok else "there is no common way to log in"
        return findings.leave_out(why, "ident", "round_trip")
    for finding in judge(subject, at, probed, await visit(subject, at)):
        findings.note(finding)
