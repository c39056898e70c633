"""Nodes that ask to be let in: the way back to them is tried, and the owner of the messenger asked."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import anyio

from ..core import ClientConfig, Closed, Connection, Login
from ..core.admission import Admit, Applicant, Reject, Verdict
from ..core.events import NodeAccepted
from ..errors import ConfigError, ConnectionLost, MsgrError, NodeRefused, StateError
from ..interconnect import Gatekeeper, Meant, Membership, Node, ReverseChecks
from ..interconnect.gatekeeper import overtaken
from ..payload import NodeHello, Program, RejectKind
from ..wire import AddressType, Endpoint, EntityAddr, Timestamp, unmapped
from .dial import dial
from .probe import exchange
from .runtime import Runtime
from .settings import Settings
from .stream import SocketStream

_log: Final = logging.getLogger("msgr.net.admissions")
_SHARE: Final = 0.4
"""How much of the time for a handshake either question may take."""
_CLAIMS: Final = 16
"""Addresses of one node that are looked at."""

Authorize: TypeAlias = Callable[[NodeHello, Login], Awaitable[str | None]]
"""Looks at a node that the tables let in, and returns why it may not come in, or None."""


def same_host(claimed: EntityAddr, seen: EntityAddr) -> bool:
    """Tell whether a node claims to listen at the host that its connection comes from."""
    # A socket of IPv6 shows an IPv4 address dressed up as one of its own.
    return claimed.host is not None and seen.host is not None and unmapped(claimed.host) == unmapped(seen.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseCheck:
    """Which nodes are dialled back before they are let in (NODE-10).

    `allow` is given the address that a node claims and the one that its connection comes from: who dials whatever he
    is told can be made to knock at the doors of third parties. A node that listens at all of its addresses is dialled
    at the one that its connection comes from. `at_once` bounds how many checks are under way (NODE-13).
    """

    allow: Callable[[EntityAddr, EntityAddr], bool] = same_host
    at_once: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Interconnect:
    """What makes a messenger a node of a mesh: who it is, and what it asks beyond the tables of `Node`.

    `authorize` decides about every node that the tables let in, in its own time but soon: it has less than half of
    `Timeouts.handshake`. With `reverse_check`, nodes that dial us are dialled back first.
    """

    node: Node
    authorize: Authorize | None = None
    reverse_check: ReverseCheck | None = None


class Admissions:
    """What a messenger does about nodes, where it is one.

    `dialling` returns the settings of a connection to an address, and `start` runs a task in the messenger.
    """

    def __init__(
        self,
        interconnect: Interconnect,
        settings: Settings,
        *,
        dialling: Callable[[EntityAddr], ClientConfig],
        start: Callable[..., None],
    ) -> None:
        self._runtime = runtime = settings.runtime
        checks = ReverseChecks(runtime.clock, seconds=settings.timeouts.handshake)
        self.membership = Membership(_with_program(interconnect.node, runtime), checks)
        self._authorize = interconnect.authorize
        self._reverse = interconnect.reverse_check
        self._dialling = dialling
        self._start = start
        self._seconds = _SHARE * settings.timeouts.handshake
        self._part_limit = settings.limits.parts
        self._under_way = 0

    @property
    def node(self) -> Node:
        """Who we are; what is put here holds from the next handshake on."""
        return self.membership.node

    @node.setter
    def node(self, node: Node) -> None:
        if (node.id, node.encryption) != (self.node.id, self.node.encryption):
            # Modes are agreed on before nodes introduce themselves, and an id is that of a node for its whole life.
            raise ConfigError(f"node {self.node.id} cannot become {node.id}, nor change what it wants of encryption")
        self.membership.node = _with_program(node, self._runtime)

    def is_stale(self, connection: Connection) -> bool:
        """Tell whether the peer was told another name in a handshake than the one that is ours now."""
        said, now = connection.said, self.node
        if said is None:
            return False
        told = (said.cluster, said.accepted_clusters, said.version, said.accepted_versions, said.host, said.scope)
        return told != (now.cluster, now.clusters, now.version, now.versions, now.host, now.scope)

    def incoming(self) -> Gatekeeper:
        """Return what judges nodes that dial us."""
        asks = self._authorize is not None or self._reverse is not None
        return Gatekeeper(
            self.membership, part_limit=self._part_limit, ask=self._ask if asks else None, warn=self._warn
        )

    def outgoing(self, meant: Meant | None, listening: tuple[EntityAddr, ...]) -> Gatekeeper:
        """Return what judges a node that we dial."""
        runtime, checks = self._runtime, self.membership.checks
        return Gatekeeper(
            self.membership,
            meant=meant,
            listening=listening,
            cookie=lambda: checks.begin(runtime.dice),
            part_limit=self._part_limit,
            ask=self._ask if self._authorize is not None else None,
            warn=self._warn,
        )

    def over(self, connection: Connection) -> None:
        """Note that the handshake of a connection is over: its cookie is ours no more."""
        if connection.dialled and connection.said is not None:
            self.membership.checks.end(connection.said.cookie)

    def _warn(self, text: str) -> None:
        _log.warning("%s", text)

    def _ask(self, applicant: Applicant, hello: NodeHello, login: Login) -> None:
        self._start(self._decide, applicant, hello, login)

    async def _decide(self, applicant: Applicant, hello: NodeHello, login: Login) -> None:
        """Find out whether a node may come in, and say so; raises nothing but cancellation."""
        try:
            verdict = await self._look(applicant, hello, login)
        except Exception:  # the owner's code, or a plug-in of his: it must not end the others' connections
            _log.exception("node %d could not be looked at", hello.node)
            verdict = _later("NODE-14", f"it could not be decided whether node {hello.node} may come in")
        if isinstance(verdict, Admit) and _came_in(applicant):
            if self.membership.is_news(hello):
                self.membership.note(hello)
            else:  # others of that node came in meanwhile
                verdict = overtaken(hello)
        if isinstance(verdict, Reject):
            self.membership.rejected[verdict.rule] += 1
        try:
            applicant.admit(verdict, now=self._runtime.clock())
        except StateError:  # it has gone meanwhile
            _log.debug("node %d did not wait for the answer", hello.node)

    async def _look(self, applicant: Applicant, hello: NodeHello, login: Login) -> Verdict:
        checked = False
        if self._reverse is not None and _came_in(applicant):
            if (reject := await self._check_way_back(self._reverse, applicant.peer_address, hello)) is not None:
                return reject
            checked = True
        if self._authorize is not None and (reject := await self._ask_owner(self._authorize, hello, login)) is not None:
            return reject
        return Admit(reverse_checked=checked)

    async def _ask_owner(self, authorize: Authorize, hello: NodeHello, login: Login) -> Reject | None:
        seconds = self._seconds
        with anyio.move_on_after(seconds):
            reason = await authorize(hello, login)
            return None if reason is None else Reject(kind=RejectKind.PERMANENT, rule="NODE-14", reason=reason)
        return _later("NODE-14", f"nobody decided within {seconds:g} s whether node {hello.node} may come in")

    async def _check_way_back(self, policy: ReverseCheck, seen: EntityAddr, hello: NodeHello) -> Reject | None:
        claimed = _where_to_dial(hello.listening, seen)
        if not claimed:
            return _no("a node that listens nowhere cannot be dialled back")
        allowed = next((address for address in claimed if policy.allow(address, seen)), None)
        if allowed is None:
            return _no(f"{claimed[0]} is not dialled back for a connection that comes from {seen.host}")
        if self._under_way >= policy.at_once:
            return _later("NODE-13", f"{policy.at_once} reverse checks are under way; come again")
        self._under_way += 1
        try:
            return await self._dial_back(allowed, hello)
        finally:
            self._under_way -= 1

    async def _dial_back(self, claimed: EntityAddr, hello: NodeHello) -> Reject | None:
        seconds = self._seconds
        try:
            with anyio.fail_after(seconds):
                await self._ask_cookie(claimed, hello)
        except TimeoutError:
            return _later("NODE-10", f"reverse connectivity failed: no answer from {claimed} within {seconds:g} s")
        except NodeRefused as error:
            return _later("NODE-10", f"reverse connectivity failed: at {claimed} answers another node ({error.reason})")
        except MsgrError as error:
            return _later("NODE-10", f"reverse connectivity failed: {claimed}: {error}")
        return None

    async def _ask_cookie(self, claimed: EntityAddr, hello: NodeHello) -> None:
        """Ask the node at an address whether a cookie is its own; raises MsgrError where it does not say yes."""
        runtime = self._runtime
        connected, target = await dial(Endpoint(AddressType.MSGR2, str(claimed.host), claimed.port, claimed.nonce))
        stream = SocketStream(connected)
        try:
            gatekeeper = Gatekeeper(self.membership, meant=Meant(hello.node), checks=hello.cookie)
            config = replace(self._dialling(target), node=gatekeeper)
            connection = Connection(config, dice=runtime.dice, trace=runtime.trace)
            connection.start(now=runtime.clock(), wall=runtime.wall())
            while not await _is_accepted(connection, stream, runtime):
                pass
        finally:
            with anyio.CancelScope(shield=True):
                await stream.aclose()


def admitting(
    interconnect: Interconnect | None,
    settings: Settings,
    *,
    dialling: Callable[[EntityAddr], ClientConfig],
    start: Callable[..., None],
) -> Admissions | None:
    """Return what a messenger does about nodes, if it is one."""
    return None if interconnect is None else Admissions(interconnect, settings, dialling=dialling, start=start)


async def _is_accepted(connection: Connection, stream: SocketStream, runtime: Runtime) -> bool:
    await exchange(connection, stream, runtime)
    while (event := connection.next_event()) is not None:
        if isinstance(event, NodeAccepted):
            return True
        if isinstance(event, Closed):
            raise event.error or ConnectionLost("the connection ended before the answer")
    return False


def _came_in(applicant: Applicant) -> bool:
    return isinstance(applicant, Connection) and not applicant.dialled


def _where_to_dial(listening: tuple[EntityAddr, ...], seen: EntityAddr) -> list[EntityAddr]:
    """Return the addresses that a node claims and that can be dialled."""
    claimed = [address for address in listening[:_CLAIMS] if address.type == AddressType.MSGR2 and address.port]
    return [
        replace(address, host=seen.host) if address.host.is_unspecified else address
        for address in claimed
        if address.host is not None
    ]


def _with_program(node: Node, runtime: Runtime) -> Node:
    """Return the node with the process that it is."""
    if node.program.pid:
        return node
    return replace(node, program=Program(pid=os.getpid(), started=Timestamp.of(runtime.wall())))


def _no(reason: str) -> Reject:
    return Reject(kind=RejectKind.PERMANENT, rule="NODE-10", reason=reason)


def _later(rule: str, reason: str) -> Reject:
    return Reject(kind=RejectKind.TRANSIENT, rule=rule, reason=reason)
