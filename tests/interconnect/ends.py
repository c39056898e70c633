"""Two nodes that read each other's introduction, with no connection between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from msgr.core import Login
from msgr.core.admission import Admit, Later, Reject, Verdict
from msgr.core.events import Met
from msgr.frame import Mode, Revision
from msgr.interconnect import Gatekeeper, Meant, Membership, Node, Program
from msgr.payload import Banner, NodeHello
from msgr.wire import EntityAddr, EntityType, Timestamp

HERE: Final = EntityAddr.parse("v2:127.0.0.1:1")
STARTED: Final = 1_700_000_000.0


def login(mode: Mode = Mode.SECURE) -> Login:
    """Return an authentication that ended well."""
    met = Met(banner=Banner(supported=0), revision=Revision.REV1, entity_type=EntityType.OSD, seen_as=HERE)
    return Login(met=met, method=2, mode=mode, global_id=1, identity=None)


def node(id: int = 1, **more: Any) -> Node:
    """Return a node of a process that runs since `STARTED`."""
    settings: dict[str, Any] = {"id": id, "program": Program(pid=id, started=Timestamp.of(STARTED))} | more
    return Node(**settings)


def hello_of(other: Node, **more: Any) -> NodeHello:
    """Return what a node says about itself."""
    said = Gatekeeper(Membership(other)).hello()
    return replace(said, **more)


def verdict(own: Node, hello: NodeHello, *, mode: Mode = Mode.SECURE, dialled: bool = False, **more: Any) -> Verdict:
    """Return what a node that has met nobody says to an introduction."""
    return Gatekeeper(Membership(own), **more).judge(hello, login(mode), dialled=dialled)


def is_in(answer: Verdict) -> bool:
    """Tell whether a verdict lets a node in."""
    assert not isinstance(answer, Later)
    return isinstance(answer, Admit)


def refusal(answer: Verdict) -> Reject:
    """Return a verdict that is a rejection."""
    assert isinstance(answer, Reject), answer
    return answer


def meet(dialling: Node, accepting: Node, *, meant: Meant | None = None, mode: Mode = Mode.SECURE) -> tuple[bool, bool]:
    """Let two nodes introduce themselves; tells whether each lets the other in, the one that dials first."""
    near, far = Gatekeeper(Membership(dialling), meant=meant), Gatekeeper(Membership(accepting))
    said, answered = near.hello(), far.hello()
    by_far = far.judge(said, login(mode), dialled=False)
    return is_in(near.judge(answered, login(mode), dialled=True)), is_in(by_far)
