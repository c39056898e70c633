"""The cookies of the reverse check, and who answers for them (NODE-10)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msgr.core.admission import Admit
from msgr.errors import ConfigError
from msgr.interconnect import Gatekeeper, Meant, Membership, ReverseChecks, reverse
from msgr.payload import NodeHello, Purpose, RejectKind
from msgr.testing import FixedDice, HandClock

from .ends import login, node, refusal


def asking(cookie: bytes, *, cluster: str = "") -> NodeHello:
    """Return what a node says that dials back."""
    return Gatekeeper(Membership(node(2, cluster=cluster)), meant=Meant(1), checks=cookie).hello()


def test_a_cookie_is_ours_from_its_beginning_to_its_end() -> None:
    """Demand 15."""
    checks = ReverseChecks()
    dice = FixedDice(1)
    one, other = checks.begin(dice), checks.begin(dice)
    assert one != other
    assert (len(one), len(checks)) == (16, 2)
    assert checks.is_ours(one)
    checks.end(one)
    checks.end(one)
    assert not checks.is_ours(one)
    assert checks.is_ours(other)
    assert not checks.is_ours(bytes(16))


def test_a_handshake_that_failed_is_not_under_way_for_ever() -> None:
    """Demand 15, NODE-10: nobody tells of a handshake that failed, but none takes longer than its time."""
    clock = HandClock()
    checks = ReverseChecks(clock.monotonic, seconds=10)
    one = checks.begin(FixedDice(1))
    clock.turn(10)
    other = checks.begin(FixedDice(2))
    assert checks.is_ours(one)
    clock.turn(1)
    assert not checks.is_ours(one)
    assert checks.is_ours(other)


def test_cookies_that_nobody_ends_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverse, "_MOST", 3)
    checks = ReverseChecks()
    dice = FixedDice(1)
    cookies = [checks.begin(dice) for _ in range(5)]
    assert [checks.is_ours(cookie) for cookie in cookies] == [False, False, True, True, True]
    assert len(checks) == 3


def test_the_asked_node_answers_for_its_own_cookie_alone() -> None:
    """Demands 15 and 16: and says that it is the network, or the address, that is to be looked at."""
    here = Membership(node(1))
    cookie = here.checks.begin(FixedDice(1))
    keeper = Gatekeeper(here)
    assert keeper.judge(asking(cookie), login(), dialled=False) == Admit(stay=False)
    no = refusal(keeper.judge(asking(bytes(16)), login(), dialled=False))
    assert (no.kind, no.rule) == (RejectKind.TRANSIENT, "NODE-10")
    assert "another one answers at the address" in no.reason
    here.checks.end(cookie)
    assert refusal(keeper.judge(asking(cookie), login(), dialled=False)).rule == "NODE-10"


def test_a_reverse_check_is_no_handshake() -> None:
    """The asked node notes nothing: that who asks is let in, is decided elsewhere."""
    here = Membership(node(1, cluster="a"))
    cookie = here.checks.begin(FixedDice(1))
    keeper = Gatekeeper(here)
    for _ in range(2):
        assert keeper.judge(asking(cookie, cluster="b"), login(), dialled=False) == Admit(stay=False)


def test_what_a_reverse_check_says() -> None:
    said = asking(b"c" * 16)
    assert (said.purpose, said.cookie, said.target_node) == (Purpose.REVERSE_CHECK, b"c" * 16, 1)


def test_a_handshake_says_a_cookie_of_its_own_each_time() -> None:
    """Demand 15."""
    here = Membership(node(1))
    dice = FixedDice(1)
    keeper = Gatekeeper(here, cookie=lambda: here.checks.begin(dice))
    one, other = keeper.hello(), keeper.hello()
    assert one.purpose == Purpose.SESSION
    assert one.cookie != other.cookie
    assert here.checks.is_ours(one.cookie)
    assert here.checks.is_ours(other.cookie)


def test_who_asks_does_not_stay_and_is_not_let_in_by_its_owner() -> None:
    """The dialling end of a reverse check wants an answer and nothing else; it still looks who answers (demand 11)."""
    asked: list[object] = []
    keeper = Gatekeeper(
        Membership(node(2)), meant=Meant(1), checks=b"c" * 16, ask=lambda who, hello, login: asked.append(who)
    )
    answer = Gatekeeper(Membership(node(1))).hello()
    assert keeper.judge(answer, login(), dialled=True) == Admit(stay=False)
    assert asked == []
    assert refusal(keeper.judge(replace(answer, node=3), login(), dialled=True)).rule == "NODE-5"


def test_one_cookie_is_enough() -> None:
    with pytest.raises(ConfigError):
        Gatekeeper(Membership(node(1)), cookie=lambda: bytes(16), checks=bytes(16))
