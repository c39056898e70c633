"""Whether anybody is there: names, connections, and the first bytes."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio

from ..errors import ConnectFailed, ConnectionLost, MsgrError
from ..frame import Revision
from ..net.dial import connect_socket, resolve
from ..net.stream import SocketStream
from ..payload import Banner
from ..payload.banner import HEAD_SIZE, PREFIX, payload_size
from ..wire import BannerFeature
from .finding import Finding
from .subject import Subject

Sockaddr = tuple[int, tuple[str | int, ...]]
"""The family and the address of a socket."""

_WORDS: Final[Mapping[int, str]] = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "unreachable (no route to the network)",
    errno.EHOSTUNREACH: "unreachable (no route to the host)",
    errno.EADDRNOTAVAIL: "unreachable (no address of ours fits)",
    errno.EACCES: "forbidden by this host's own firewall",
    errno.EPERM: "forbidden by this host's own firewall",
}
_TIMED_OUT: Final = "no answer"
_ENOUGH: Final = 512
"""How many first bytes tell what somebody speaks."""
_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of connecting to one address."""

    sockaddr: tuple[str | int, ...]
    family: int
    word: str
    seconds: float = 0.0

    @property
    def answers(self) -> bool:
        """Whether there is a connection."""
        return not self.word


async def resolve_name(subject: Subject) -> tuple[Finding, Sequence[Sockaddr]]:
    """Find the addresses behind the name; raises ConfigError for one that is no name."""
    try:
        found = await resolve(subject.endpoint)
    except ConnectFailed as error:
        advice = "The name has no address: check how it is written, and the resolver (/etc/hosts, DNS) of this host."
        return Finding(name="resolve", ok=False, detail=str(error), advice=advice), ()
    listed = ", ".join(str(sockaddr[0]) for _, sockaddr in found)
    return Finding(name="resolve", ok=True, detail=f"{subject.endpoint.host} is {listed}"), found


async def reach(subject: Subject, found: Sequence[Sockaddr]) -> tuple[Finding, Reached | None]:
    """Connect to each address, all at once; returns the first that answers in the order of a client's own tries."""
    results: dict[int, Reached] = {}

    async def try_one(index: int, family: int, sockaddr: tuple[str | int, ...]) -> None:
        results[index] = await _reach_one(subject, family, sockaddr)

    async with anyio.create_task_group() as tasks:
        for index, (family, sockaddr) in enumerate(found):
            tasks.start_soon(try_one, index, family, sockaddr)
    reached = [results[index] for index in range(len(found))]
    told = "; ".join(_told(each, subject.patience) for each in reached)
    chosen = next((each for each in reached if each.answers), None)
    if chosen is None:
        return Finding(name="connect", ok=False, detail=told, advice=_why_none(subject, reached)), None
    # A refusal costs a client nothing; an address that never answers costs it all the time that it has.
    if any(each.word == _TIMED_OUT for each in reached[: reached.index(chosen)]):
        advice = (
            "An address of this name that is tried before one that works never answers, which uses up the time of "
            "every client: take it out of the name, or dial the address that works."
        )
        return Finding(name="connect", ok=False, detail=told, advice=advice), chosen
    return Finding(name="connect", ok=True, detail=told), chosen


async def _reach_one(subject: Subject, family: int, sockaddr: tuple[str | int, ...]) -> Reached:
    begun = subject.runtime.clock()
    try:
        with anyio.fail_after(subject.patience):
            (await connect_socket(family, sockaddr)).close()
    except TimeoutError:  # ours; the system's own is an OSError with a number
        return Reached(sockaddr, family, _TIMED_OUT)
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            return Reached(sockaddr, family, _TIMED_OUT)
        return Reached(sockaddr, family, _WORDS.get(error.errno or 0, error.strerror or str(error)))
    return Reached(sockaddr, family, "", subject.runtime.clock() - begun)


def _told(reached: Reached, patience: float) -> str:
    if reached.answers:
        return f"{reached.sockaddr[0]} answers after {reached.seconds * 1e3:,.1f} ms"
    after = f" after {patience:g} s (filtered)" if reached.word == _TIMED_OUT else ""
    return f"{reached.sockaddr[0]}: {reached.word}{after}"


def _why_none(subject: Subject, reached: Sequence[Reached]) -> str:
    words = {each.word for each in reached}
    port = subject.endpoint.port
    if _WORDS[errno.ECONNREFUSED] in words:
        return (
            f"The host is there, and nothing listens at port {port}: start the daemon, or ask for the port that it has "
            "(a monitor's msgr v2 port is 3300)."
        )
    if words == {_TIMED_OUT}:
        return (
            "Packets vanish on the way or the listener's queue is full: look for a firewall that drops port "
            f"{port}, for a host that is off, and run this on the host itself."
        )
    if any(word.startswith("unreachable") for word in words):
        return "There is no way to this address from here: check the routes and addresses of this host."
    return "No connection can be made from this host: " + "; ".join(sorted(words)) + "."


async def ask_banner(subject: Subject, reached: Reached) -> tuple[Finding, str]:
    """Send our banner, and see what the first bytes of the answer are; returns our own host too, as the socket has it.

    Ours goes first: those who wait for the client (HTTP, TLS) then answer too, each in its own way.
    """
    try:
        with anyio.fail_after(subject.patience):
            stream = SocketStream(await connect_socket(reached.family, reached.sockaddr))
    except (OSError, TimeoutError):
        text = "connected once, and not again"
        return Finding(name="banner", ok=False, detail=text, advice=_CLOSES), ""
    data, end = b"", f"nothing more within {subject.patience:g} s"
    try:
        with anyio.move_on_after(subject.patience):
            await stream.send([_ours().to_wire()])
            while not _is_enough(data):
                piece = await stream.receive()
                if not piece:
                    end = "the peer closed"
                    break
                data += piece
        own, _ = stream.ends()
    except ConnectionLost as error:
        own, end = None, str(error)
    finally:
        with anyio.CancelScope(shield=True):
            await stream.aclose()
    return _judge(data, end, subject), own[0] if own else ""


def _ours() -> Banner:
    return Banner(supported=int(BannerFeature.REVISION_1 | BannerFeature.COMPRESSION))


def _is_enough(data: bytes) -> bool:
    if data[: len(PREFIX)] != PREFIX[: len(data)]:
        return len(data) >= len(PREFIX)
    if len(data) < HEAD_SIZE:
        return False
    with suppress(MsgrError):
        return len(data) >= min(HEAD_SIZE + payload_size(data), _ENOUGH)
    return True


_CLOSES: Final = (
    "Something accepts connections and ends them at once: look at the log of the daemon, and for a gateway or a "
    "limit on connections before it."
)
_OTHERS: Final = (
    (b"ceph v027", "msgr v1", "This is the old protocol's port: dial the v2 port (a monitor's is 3300, not 6789)."),
    (b"HTTP/", "HTTP", "A web server listens here: ask for the port of the daemon (a dashboard or a gateway is none)."),
    (b"\x15\x03", "TLS", "A TLS server listens here: msgr v2 encrypts by itself, so dial the port behind it."),
    (b"\x16\x03", "TLS", "A TLS server listens here: msgr v2 encrypts by itself, so dial the port behind it."),
    (b"SSH-", "SSH", "An SSH server listens here: ask for the port of the daemon."),
)


def _judge(data: bytes, end: str, subject: Subject) -> Finding:
    """Say what the first bytes of the peer are."""
    if not data:
        advice = _CLOSES if "closed" in end or "broke" in end else _SILENT
        return Finding(name="banner", ok=False, detail=f"the peer says nothing: {end}", advice=advice)
    for begin, word, advice in _OTHERS:
        if data.startswith(begin):
            return Finding(name="banner", ok=False, detail=f"{word} answers: {data[:_SHOWN]!r}", advice=advice)
    if not _is_enough(data):
        advice = "The banner is cut short: the peer or the path fails in the middle of its first bytes."
        return Finding(name="banner", ok=False, detail=f"{data[:_SHOWN]!r}, then {end}", advice=advice)
    try:
        banner = Banner.of_wire(data)
        _ours().check(banner)
    except MsgrError as error:
        advice = "Who listens here does not speak msgr v2 as we know it: check the port, and the release of the daemon."
        return Finding(name="banner", ok=False, detail=str(error), advice=advice)
    revision = Revision.REV1 if banner.supported & BannerFeature.REVISION_1 else Revision.REV0
    if revision not in subject.revisions and revision is Revision.REV0:
        advice = "The peer is too old for revision 2.1: allow revision 2.0, or upgrade it."
        return Finding(name="banner", ok=False, detail="msgr v2, revision 2.0 only", advice=advice)
    return Finding(name="banner", ok=True, detail=f"msgr v2, revision {revision} at best")


_SILENT: Final = (
    "The connection stands and nobody speaks: the daemon hangs or never accepts, or the path loses what follows a "
    "connect; run this on the host itself, where its queue can be read."
)
