"""Speaks for one node on a connection, and judges the one at the other end. Pure: the tables of NODE-3 to NODE-7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ..core import Login
from ..core.admission import Admit, Applicant, Later, Reject, Verdict
from ..errors import ConfigError
from ..frame import Mode
from ..payload import Encryption, NodeHello, Purpose, RejectKind
from ..wire import EntityAddr
from .membership import Membership
from .node import Node

_SHOWN: Final = 64
"""Characters of a name that are shown: peers tell what they like, and it ends in logs."""
_SHOWN_NAMES: Final = 4


@dataclass(frozen=True, slots=True)
class Meant:
    """Whom a dialler means to reach: what is 0 or empty does not matter (NODE-5)."""

    node: int = 0
    host: str = ""

    def __str__(self) -> str:
        return _called(self.node, self.host)


class Gatekeeper:
    """The `Admission` of one end: of one connection where it dials, of all where it accepts.

    `cookie` returns that of an attempt by which a reverse check knows it; `checks` is the one that such a check asks
    about. `ask` is called with whom the tables let in, and has the last word: it looks at the way back, or at a list of
    its own, and at last at `Membership.is_news` again, and notes who came in. `warn` is told what is let in for now.
    """

    def __init__(
        self,
        membership: Membership,
        *,
        meant: Meant | None = None,
        listening: tuple[EntityAddr, ...] = (),
        cookie: Callable[[], bytes] | None = None,
        checks: bytes | None = None,
        part_limit: int = 0,
        ask: Callable[[Applicant, NodeHello, Login], None] | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        if cookie is not None and checks is not None:
            raise ConfigError("a reverse check has the cookie that it asks about, and no other")
        self._membership = membership
        self._meant = meant or Meant()
        self._listening = listening
        self._cookie = cookie
        self._checks = checks
        self._part_limit = part_limit
        self._ask = ask
        self._warn = warn

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""
        node = self._membership.node
        said = NodeHello(
            cluster=node.cluster,
            accepted_clusters=node.clusters,
            version=node.version,
            accepted_versions=node.versions,
            node=node.id,
            host=node.host,
            target_node=self._meant.node,
            target_host=self._meant.host,
            scope=node.scope,
            program=self._membership.next_program(),
            encryption=node.encryption,
            listening=self._listening,
            part_limit=self._part_limit,
        )
        if self._checks is not None:
            return replace(said, purpose=Purpose.REVERSE_CHECK, cookie=self._checks)
        return said if self._cookie is None else replace(said, cookie=self._cookie())

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Say whether the node that sent `hello` may come in; whom it rejects is counted."""
        verdict = self._judge(hello, login, dialled=dialled)
        if isinstance(verdict, Reject):
            self._membership.rejected[verdict.rule] += 1
        return verdict

    def _judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        if hello.purpose == Purpose.REVERSE_CHECK and not dialled:
            return self._answer(hello)
        node = self._membership.node
        reject = _judge_names(node, hello, self._meant) or judge_encryption(node, hello, login.mode)
        if reject is not None:
            return reject
        if node.version and not hello.version and self._membership.warns_about(hello.node):
            self._warn(f"{_called(hello.node, hello.host)} tells no version tag, and is let in [NODE-4]")
        if dialled:
            return self._admit(hello, login, stay=self._checks is None)
        if not self._membership.is_news(hello):
            return overtaken(hello)
        if self._ask is None:
            self._membership.note(hello)
        return self._admit(hello, login, stay=True)

    def _admit(self, hello: NodeHello, login: Login, *, stay: bool) -> Verdict:
        ask = self._ask
        if ask is None or not stay:
            return Admit(stay=stay)
        return Later(lambda applicant: ask(applicant, hello, login))

    def _answer(self, hello: NodeHello) -> Verdict:
        if self._membership.checks.is_ours(hello.cookie):
            return Admit(stay=False)
        reason = "the cookie is not one of this node: another one answers at the address that you were told"
        return Reject(kind=RejectKind.TRANSIENT, rule="NODE-10", reason=reason)


def _judge_names(node: Node, hello: NodeHello, meant: Meant) -> Reject | None:
    """Return why two nodes do not go together, if they do not (NODE-3, NODE-4, NODE-5, NODE-7)."""
    own, other = _called(node.id, node.host), _called(hello.node, hello.host)
    if not _go_together(node.cluster, node.clusters, hello.cluster, hello.accepted_clusters):
        return _no("NODE-3", f"{other} {_tells('cluster', hello.cluster)}; {own} {_accepts('cluster', node.clusters)}")
    versions = _go_together(node.version, node.versions, hello.version, hello.accepted_versions)
    if hello.version and not versions:
        return _no("NODE-4", f"{other} {_tells('version', hello.version)}; {own} {_accepts('version', node.versions)}")
    if hello.target_node not in (0, node.id) or hello.target_host not in ("", node.host):
        return _no("NODE-5", f"this is {own}; {other} meant to reach {_called(hello.target_node, hello.target_host)}")
    if meant.node not in (0, hello.node) or meant.host not in ("", hello.host):
        return _no("NODE-5", f"this is {other}; {own} meant to reach {meant}")
    if node.accepted_scopes is not None and hello.scope not in node.accepted_scopes:
        return _no("NODE-7", f"{other} {_tells('scope', hello.scope)}; {own} {_accepts('scope', node.accepted_scopes)}")
    return None


def judge_encryption(node: Node, hello: NodeHello, mode: Mode) -> Reject | None:
    """Return why the mode of a connection is not what this end wants, if it is not (NODE-6)."""
    encrypted = mode is Mode.SECURE
    wants = Encryption(hello.encryption).name.lower() if hello.encryption in tuple(Encryption) else "unknown"
    if encrypted and node.encryption is Encryption.DISABLED:
        return _no("NODE-6", f"the connection is encrypted; here encryption is disabled, at the other end {wants}")
    if not encrypted and node.encryption is Encryption.REQUIRED:
        return _no("NODE-6", f"the connection is not encrypted; here encryption is required, at the other end {wants}")
    return None


def overtaken(hello: NodeHello) -> Reject:
    """Return what a node is told whose handshake is older than one that was let in (NODE-12)."""
    reason = f"node {hello.node} was let in by a later handshake than this one"
    return Reject(kind=RejectKind.SESSION_MISMATCH, rule="NODE-12", reason=reason)


def _go_together(own: str, own_list: tuple[str, ...], other: str, other_list: tuple[str, ...]) -> bool:
    return not own_list or other in own_list or own in other_list


def _no(rule: str, reason: str) -> Reject:
    return Reject(kind=RejectKind.PERMANENT, rule=rule, reason=reason)


def _called(node: int, host: str) -> str:
    return (f"node {node}" if node else "a node") + (f" at {_shown(host)}" if host else "")


def _tells(what: str, name: str) -> str:
    return f"is of {what} {_shown(name)}" if name else f"tells no {what}"


def _accepts(what: str, names: tuple[str, ...]) -> str:
    shown = ", ".join(map(_shown, names[:_SHOWN_NAMES])) or "of no name"
    more = len(names) - _SHOWN_NAMES
    return f"lets in {what} {shown}" + (f" and {more} more" if more > 0 else "")


def _shown(name: str) -> str:
    """Return a name in quotes, safe to log whatever a peer made of it."""
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}..."
