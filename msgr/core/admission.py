"""What an end is told about other nodes: a plug-in that says who we are, and judges who they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ..payload import NodeHello, RejectKind
from ..wire import EntityAddr
from .events import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """The node may come in; with `stay` False it asked something, and this is the answer to it."""

    stay: bool = True
    reverse_checked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The node may not; it is told all of this."""

    kind: RejectKind
    rule: str
    reason: str


class Applicant(Protocol):
    """A connection whose peer's node waits to be let in."""

    @property
    def peer_address(self) -> EntityAddr:
        """The address of the socket's other end."""

    def admit(self, verdict: Verdict, *, now: float) -> None:
        """Say whether the node may come in; raises StateError where nobody waits any more."""


@dataclass(frozen=True, slots=True)
class Later:
    """Somebody has to find out, and will say so with `Connection.admit`; `ask`, if set, is told that it is to begin."""

    ask: Callable[[Applicant], None] | None = None


Verdict: TypeAlias = Admit | Reject | Later


class Admission(Protocol):
    """Speaks for one end of one connection, or of many. It does no I/O."""

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Say whether the node that sent `hello` may come in; `dialled` tells whether it was we who dialled."""
