"""What a finding is taken for, where a peer that would cause it takes more than a test has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msgr import AuthRefused, EntityAddr, EntityType, PeerError, ProbeResult, Revision
from msgr.doctor import Examination, Finding, Subject
from msgr.doctor.talk import Steps, Visit, judge
from msgr.errors import ConnectionLost, IdentError, MsgrError, SignatureError, TimedOut
from msgr.frame import Tag

AT = "v2:127.0.0.1:6789"
PROBED = ProbeResult(
    address=EntityAddr.parse(AT),
    supported_features=3,
    required_features=0,
    revision=Revision.REV1,
    entity_type=1,
    seen_as=EntityAddr.parse(AT),
    auth_methods=(2, 77),
    modes=(2, 9),
)


def judged(visit: Visit) -> Examination:
    """Return what a visit says."""
    return Examination(address=AT, findings=tuple(judge(Subject(address=AT), AT, PROBED, visit)))


def after(*taken: Tag, sent: tuple[Tag, ...] = (Tag.AUTH_REQUEST,)) -> Steps:
    """Return a handshake that came so far."""
    steps = Steps()
    steps.taken += taken
    steps.sent += sent
    return steps


IN = after(Tag.HELLO, Tag.AUTH_DONE, Tag.AUTH_SIGNATURE)


@pytest.mark.parametrize(
    ("steps", "error", "name", "verdict"),
    [
        (after(Tag.HELLO), AuthRefused("no", result=-13), "auth", "The peer refuses the very request"),
        (after(Tag.HELLO), TimedOut("late"), "auth", "The peer stops answering while we log in"),
        (after(Tag.HELLO), ConnectionLost("gone"), "auth", "The peer ends the connection while we log in"),
        (after(Tag.HELLO), PeerError("odd", rule="AUTH-4"), "auth", "The peer breaks the protocol while we log in"),
        (IN, SignatureError("bad", rule="AUTH-8"), "auth", "The bytes of the handshake were changed on the way"),
        (IN, IdentError("other", rule="IDENT-4"), "ident", f"The peer believes to be at another address than {AT}"),
        (IN, ConnectionLost("gone"), "ident", "The peer hangs up on hearing which address was dialled"),
        (IN, TimedOut("late"), "ident", "It lets us in and gives no session"),
    ],
)
def test_what_ended_a_visit(steps: Steps, error: MsgrError, name: str, verdict: str) -> None:
    found = judged(Visit(steps, error))
    assert [finding.name for finding in found.findings] == ["auth", "ident", "round_trip"]
    assert [finding.name for finding in found.findings if finding.ok is False] == [name]
    assert found.findings[-1].ok is None
    assert found.verdict.startswith(verdict)
    assert str(error) in next(finding.detail for finding in found.findings if finding.name == name)


@pytest.mark.parametrize(("kind", "name"), [(EntityType.OSD, "an osd"), (EntityType.CLIENT, "a client")])
def test_a_daemon_that_takes_tickets_is_not_ill(kind: EntityType, name: str) -> None:
    visit = Visit(after(Tag.HELLO, Tag.AUTH_BAD_METHOD), AuthRefused("no", result=-13))
    found = Examination(
        address=AT, findings=tuple(judge(Subject(address=AT), AT, replace(PROBED, entity_type=kind), visit))
    )
    assert [finding.ok for finding in found.findings] == [None, None, None]
    assert found.findings[0].detail.startswith(f"not asked: {name} takes tickets and no keys, so log in at a monitor; ")


def test_a_daemon_that_asks_for_a_proof_and_refuses_it_is() -> None:
    visit = Visit(after(Tag.AUTH_REPLY_MORE, sent=(Tag.AUTH_REQUEST_MORE,)), AuthRefused("no", result=-13))
    found = Examination(
        address=AT, findings=tuple(judge(Subject(address=AT), AT, replace(PROBED, entity_type=EntityType.OSD), visit))
    )
    assert found.findings[0].ok is False


def test_a_session_without_answers() -> None:
    found = judged(Visit(IN, TimedOut("late"), (EntityAddr.parse(AT),), "cephx", [0.001]))
    assert [(finding.name, finding.ok) for finding in found.findings] == [
        ("auth", True),
        ("ident", True),
        ("round_trip", False),
    ]
    assert found.verdict.startswith("There is a session and no answer in it")


def test_numbers_without_a_name_stay_numbers() -> None:
    found = judged(Visit(IN, None, (EntityAddr.parse(AT),), "cephx", [0.001, 0.003, 0.002, 0.002, 0.002]))
    assert found.findings[0].detail.startswith("it allows cephx, method 77 in secure or mode 9 mode; ")
    assert found.findings[1].detail == f"it is at {AT}"
    assert found.findings[2].detail == "5 keepalives: min 1,000 us, median 2,000 us, max 3,000 us"


def finding(name: str, ok: bool | None) -> Finding:
    """Return a finding whose advice is its name."""
    return Finding(name=name, ok=ok, detail="told", advice=name)


@pytest.mark.parametrize(
    ("wrong", "verdict", "nobody"),
    [
        (("connect",), "connect", True),
        (("connect", "backlog"), "backlog", True),
        (("connect", "backlog", "close_wait"), "backlog", True),
        (("banner", "backlog"), "backlog", False),
        (("auth", "backlog"), "auth", False),
        (("path_size", "close_wait"), "path_size", False),
    ],
)
def test_the_reason_comes_before_what_it_explains(wrong: tuple[str, ...], verdict: str, nobody: bool) -> None:
    asked = None if nobody else True
    found = Examination(
        address=AT,
        findings=(
            *(finding(name, name not in wrong) for name in ("resolve", "connect")),
            *(finding(name, False if name in wrong else asked) for name in ("banner", "auth", "path_size")),
            *(finding(name, name not in wrong) for name in ("backlog", "close_wait")),
        ),
    )
    assert (found.verdict, found.nobody, found.healthy) == (verdict, nobody, False)


def test_an_address_that_is_tried_first_in_vain_is_not_nobody() -> None:
    found = Examination(address=AT, findings=(finding("connect", False), finding("banner", True)))
    assert (found.healthy, found.nobody) == (False, False)
