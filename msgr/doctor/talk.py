"""What the peer says once it speaks: who it is, whom it lets in, where it thinks it is, and how soon it answers."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from statistics import median
from typing import Final

import anyio

from ..auth import AuthMethod, ClientMethod
from ..core import Connection
from ..core.gate import Direction
from ..errors import AuthRefused, ConnectionLost, FailureKind, IdentError, MsgrError, SignatureError, TimedOut
from ..frame import Mode, NodeTag, Tag, tag_name
from ..net import ProbeResult, Runtime, Session, connect, probe
from ..net.methods import client_methods
from ..wire import EntityAddr, EntityName, EntityType, type_name
from .finding import Finding
from .node import WAY_BACK, Meeting, shown
from .subject import Subject

_COUNT: Final = 5
"""How many round trips are measured."""


class Steps:
    """Looks on at a handshake, and knows how far it went."""

    __slots__ = ("sent", "taken")

    def __init__(self) -> None:
        self.sent: list[Tag | NodeTag] = []
        self.taken: list[Tag | NodeTag] = []

    def trace(self, connection: Connection, direction: Direction, tag: Tag | NodeTag) -> None:
        """Note a frame."""
        (self.sent if direction is Direction.SENDING else self.taken).append(tag)

    def on(self, runtime: Runtime) -> Runtime:
        """Return the same world, with this onlooker in it."""
        return replace(runtime, trace=self.trace)

    def __str__(self) -> str:
        sent = tag_name(self.sent[-1]) if self.sent else "our banner"
        taken = tag_name(self.taken[-1]) if self.taken else "the peer's banner" if self.sent else "nothing"
        return f"the last frame sent is {sent}, the last one that came {taken}"


def explained(error: MsgrError | None, steps: Steps | None = None) -> str:
    """Return what an error says, how far the handshake had come, and whether it makes sense to try again."""
    text = str(error) if steps is None else f"{error}; {steps}"
    if error is None:
        return text
    return f"{text} ({error.kind.value}{f'; {error.step}' if error.step else ''})"


async def ask_hello(subject: Subject, at: str, own: str) -> tuple[Finding, ProbeResult | None, MsgrError | None]:
    """Exchange HELLOs, and be refused; returns what was told, or what kept the peer from telling after its HELLO."""
    steps = Steps()
    try:
        found = await probe(at, timeouts=subject.timeouts, runtime=steps.on(subject.runtime))
    except MsgrError as error:
        if Tag.HELLO in steps.taken:
            text = "it says who it is, and not what it allows"
            return Finding(name="hello", ok=True, detail=text), None, error
        advice = (
            "The peer sends a banner and no HELLO: it is overloaded, not ready yet (a monitor without quorum), or "
            "something between changes the bytes; look at its log."
        )
        return Finding(name="hello", ok=False, detail=explained(error, steps), advice=advice), None, None
    text = f"{_kind(found)}, revision {found.revision}, sees us at {_host(found.seen_as)}"
    if own and found.seen_as.host is not None and ip_address(own.partition("%")[0]) != found.seen_as.host:
        text += f", where our socket has {own}: addresses are translated on the way"
    return Finding(name="hello", ok=True, detail=text), found, None


def _kind(found: ProbeResult) -> str:
    name = type_name(found.entity_type)
    return f"{'an' if name in ('mds', 'mgr', 'osd') else 'a'} {name}"


def _host(address: EntityAddr) -> str:
    return str(address.host) if address.host is not None else "no address"


def allowed(found: ProbeResult) -> str:
    """Return the methods and modes that a peer allows, in words."""
    methods = ", ".join(map(_method, found.auth_methods)) or "nothing"
    modes = " or ".join(map(_mode, found.modes)) or "no"
    return f"it allows {methods} in {modes} mode"


def _method(number: int) -> str:
    return AuthMethod(number).name.lower() if number in tuple(AuthMethod) else f"method {number}"


def _mode(number: int) -> str:
    return Mode(number).name.lower() if number in tuple(Mode) else f"mode {number}"


def may_try(subject: Subject, found: ProbeResult) -> Finding | None:
    """Return why it makes no sense to log in, judged by what the peer allows; None where it does."""
    told = allowed(found)
    methods = client_methods(EntityName.parse(subject.name), subject.auth)
    common = [method for method in methods if method.number in found.auth_methods]
    if not common:
        if subject.auth is None:
            return Finding(name="auth", ok=True, detail=f"{told}; no keyring is given, so nobody logs in")
        advice = (
            f"The peer allows {', '.join(map(_method, found.auth_methods)) or 'nothing'}, and a keyring means cephx: "
            "leave the keyring out, or have the peer allow cephx (auth_service_required, auth_cluster_required)."
        )
        return Finding(name="auth", ok=False, detail=f"no common method: {told}", advice=advice)
    offered = {mode for method in common for mode in _modes(subject, method)}
    if not offered & set(found.modes):
        wanted = " or ".join(sorted(map(_mode, offered)))
        advice = (
            f"We offer {wanted} mode and the peer does not: ask for one that it allows (--mode), or change its "
            "ms_service_mode or ms_mon_service_mode."
        )
        return Finding(name="auth", ok=False, detail=f"no common mode: {told}, {wanted} is offered", advice=advice)
    return None


def _modes(subject: Subject, method: ClientMethod) -> tuple[Mode, ...]:
    if subject.modes:
        return tuple(mode for mode in subject.modes if mode in method.modes)
    return (max(method.modes),)


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of logging in: how far it went, what ended it too early, and the round trips."""

    steps: Steps
    error: MsgrError | None
    addresses: tuple[EntityAddr, ...] = ()
    login: str = ""
    times: Sequence[float] = ()

    @property
    def is_in(self) -> bool:
        """Whether both signatures were right."""
        if isinstance(self.error, SignatureError):
            return False
        return bool(self.login) or Tag.AUTH_SIGNATURE in self.steps.taken


async def visit(subject: Subject, at: str) -> Visit:
    """Log in, measure round trips, and leave."""
    steps = Steps()
    addresses: tuple[EntityAddr, ...] = ()
    login, times = "", list[float]()
    try:
        async with connect(
            at,
            name=subject.name,
            auth=subject.auth,
            modes=subject.modes,
            revisions=subject.revisions,
            timeouts=subject.timeouts,
            runtime=steps.on(subject.runtime),
        ) as session:
            addresses, known = session.peer.addresses, session.peer.login
            login = f"{_method(known.method)} as {subject.name} in {_mode(known.mode)} mode"
            for number in range(1, _COUNT + 1):
                times.append(await _once(session, number, subject.patience))
    except MsgrError as error:
        return Visit(steps, error, addresses, login, times)
    return Visit(steps, None, addresses, login, times)


async def _once(session: Session, number: int, patience: float) -> float:
    try:
        with anyio.fail_after(patience):
            return await session.ping()
    except TimeoutError:
        raise TimedOut(f"keepalive {number} has no answer after {patience:g} s [KEEPALIVE-2]") from None


def judge(subject: Subject, at: str, found: ProbeResult, seen: Visit, met: Meeting | None = None) -> Iterator[Finding]:
    """Yield what a visit says of authentication, of identities, and of round trips.

    `met` is what came of our introduction as a node, where the peer is one.
    """
    if _takes_tickets(found, seen):
        detail = f"not asked: {_kind(found)} takes tickets and no keys, so log in at a monitor; {allowed(found)}"
        yield Finding(name="auth", ok=None, detail=detail)
        yield Finding(name="ident", ok=None, detail="not asked: nobody logs in")
        yield Finding(name="round_trip", ok=None, detail="not asked: nobody logs in")
        return
    if not seen.is_in:
        detail = explained(seen.error, seen.steps)
        yield Finding(name="auth", ok=False, detail=detail, advice=_why_not_in(subject, seen))
        yield Finding(name="ident", ok=None, detail="not asked: it did not let us in")
        yield Finding(name="round_trip", ok=None, detail="not asked: there is no session")
        return
    yield Finding(name="auth", ok=True, detail=f"{allowed(found)}; it lets us in: {seen.login or subject.name}")
    if not seen.login:
        detail = explained(seen.error, seen.steps)
        yield Finding(name="ident", ok=False, detail=detail, advice=_why_no_session(at, seen.error))
        yield Finding(name="round_trip", ok=None, detail="not asked: there is no session")
        return
    listed = ", ".join(str(address).removesuffix("/0") for address in seen.addresses)
    yield _judge_node(f"it is at {listed}", met)
    if len(seen.times) < _COUNT:
        advice = "There is a session and no answer in it: the peer hangs, or the path stopped; ask again, read its log."
        yield Finding(name="round_trip", ok=False, detail=str(seen.error), advice=advice)
        return
    micros = [time * 1e6 for time in seen.times]
    spread = f"min {min(micros):,.0f} us, median {median(micros):,.0f} us, max {max(micros):,.0f} us"
    yield Finding(name="round_trip", ok=True, detail=f"{len(micros)} keepalives: {spread}")


def _judge_node(text: str, met: Meeting | None) -> Finding:
    """Say who the peer is; one that is a node and does not let ours in is wrong, but for the way back."""
    if met is None:
        return Finding(name="ident", ok=True, detail=text)
    if met.said.cluster:
        text += f", asked as one of cluster {shown(met.said.cluster)}"
    if met.error is None or (met.refused is not None and met.refused.rule in WAY_BACK):
        return Finding(name="ident", ok=True, detail=f"{text}: {met}")
    advice = "The peer lets us in as a client and not as a node: read its log."
    if met.refused is not None and met.refused.kind is FailureKind.PERMANENT:
        advice = (
            "The peer does not let our node in, and says why: tell the cluster that is meant (--cluster), or have one "
            "of the two accept the other's names."
        )
    elif met.refused is not None:
        advice = "The peer does not let our node in just now, and says why: ask again later."
    return Finding(name="ident", ok=False, detail=f"{text}: {met}; {explained(met.error)}", advice=advice)


def _takes_tickets(found: ProbeResult, seen: Visit) -> bool:
    """Tell whether this is a daemon that refuses keys as such: only a monitor asks for a proof of one."""
    asked = Tag.AUTH_REQUEST_MORE in seen.steps.sent
    refused = isinstance(seen.error, AuthRefused) and seen.error.result == -errno.EACCES
    return refused and not asked and found.entity_type != EntityType.MON


def _why_not_in(subject: Subject, seen: Visit) -> str:
    if isinstance(seen.error, AuthRefused) and Tag.AUTH_REQUEST_MORE in seen.steps.sent:
        return (
            f"The peer refuses the proof of {subject.name}: the name is unknown there, or the keyring has another key "
            "than the cluster (compare with `ceph auth get`)."
        )
    if isinstance(seen.error, AuthRefused):
        return (
            f"The peer refuses the very request of {subject.name}, before any proof: it does not let such entities in, "
            "or changed its mind about methods and modes; read its log."
        )
    if isinstance(seen.error, SignatureError):
        return "The bytes of the handshake were changed on the way, or the peer does not know the key: trust no path."
    if isinstance(seen.error, TimedOut):
        return "The peer stops answering while we log in: it is overloaded or hangs, or the path drops what is larger."
    if isinstance(seen.error, ConnectionLost):
        return "The peer ends the connection while we log in: read its log (a monitor without quorum does just that)."
    return "The peer breaks the protocol while we log in: compare releases, and run `msgr conform server` at it."


def _why_no_session(at: str, error: MsgrError | None) -> str:
    if isinstance(error, IdentError) and error.rule == "IDENT-4":
        return (
            f"The peer believes to be at another address than {at} (nonce included): dial the address that it names, "
            "or correct its public address."
        )
    if isinstance(error, ConnectionLost) and not isinstance(error, TimedOut):
        return (
            f"The peer hangs up on hearing which address was dialled: it most likely does not believe to be at {at}; "
            "dial the address and the nonce that the cluster's map has for it."
        )
    return "It lets us in and gives no session: compare the features and releases of both ends, and read its log."
