"""What an end is told about other nodes: a plug-in that says who we are, and judges who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ..payload import NodeHello, RejectKind
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


@dataclass(frozen=True, slots=True)
class Later:
    """The owner of the connection has to find out, and will say so with `Connection.admit`."""


Verdict: TypeAlias = Admit | Reject | Later


class Admission(Protocol):
    """Speaks for one end of one connection, or of many. It does no I/O."""

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Say whether the node that sent `hello` may come in; `dialled` tells whether it was we who dialled."""
