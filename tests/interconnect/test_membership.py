"""Old and duplicate handshakes lose; restarts and clocks that are set back do not (NODE-12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from msgr.core.admission import Admit, Later
from msgr.interconnect import Gatekeeper, Membership, Program, membership
from msgr.payload import NodeHello, RejectKind
from msgr.wire import Timestamp

from .ends import STARTED, hello_of, is_in, login, node, refusal


def came(serial: int, *, started: float = STARTED, id: int = 7, **more: Any) -> NodeHello:
    """Return the handshake of a process."""
    program = Program(pid=1, started=Timestamp.of(started), serial=serial)
    return replace(hello_of(node(7)), program=program, **({"node": id} | more))


class Door:
    """A node that others come to."""

    def __init__(self, **more: Any) -> None:
        self.membership = Membership(node(1, **more))
        self.keeper = Gatekeeper(self.membership)

    def lets_in(self, hello: NodeHello) -> bool:
        """Tell whether a handshake is let in."""
        return is_in(self.keeper.judge(hello, login(), dialled=False))


def test_the_later_handshake_of_a_process_counts() -> None:
    """Demand 13: duplicates and those that were overtaken are told that it is the session that does not fit."""
    door = Door()
    assert door.lets_in(came(5))
    for stale in (5, 4, 1):
        no = refusal(door.keeper.judge(came(stale), login(), dialled=False))
        assert (no.kind, no.rule) == (RejectKind.SESSION_MISMATCH, "NODE-12")
        assert no.reason == "node 7 was let in by a later handshake than this one"
    assert door.lets_in(came(6))
    assert door.membership.rejected == {"NODE-12": 3}


def test_a_restart_counts_from_the_start() -> None:
    """Demand 13: a later process has low serials, and the one before it has lost."""
    door = Door()
    assert door.lets_in(came(500))
    assert door.lets_in(came(1, started=STARTED + 1))
    assert not door.lets_in(came(501))
    assert door.lets_in(came(2, started=STARTED + 1))


def test_nodes_do_not_hold_up_each_other() -> None:
    """Demand 13."""
    door = Door()
    assert door.lets_in(came(9))
    assert door.lets_in(came(1, id=8))


def test_a_process_whose_clock_was_set_back_comes_in_the_second_time() -> None:
    """Demand 13: one stale handshake looks the same, but comes only once."""
    door = Door()
    assert door.lets_in(came(9, started=STARTED + 1000))
    assert not door.lets_in(came(1))
    assert not door.lets_in(came(1))  # the same one again
    assert door.lets_in(came(2))
    assert door.lets_in(came(3))
    assert not door.lets_in(came(2))


def test_two_late_handshakes_of_different_processes_are_late() -> None:
    """Demand 13."""
    door = Door()
    assert door.lets_in(came(1, started=STARTED + 1000))
    assert not door.lets_in(came(4, started=STARTED + 10))
    assert not door.lets_in(came(5, started=STARTED + 20))
    assert not door.lets_in(came(6, started=STARTED + 10))


def test_an_overtaken_handshake_of_the_present_process_stays_out() -> None:
    """Demand 13: there is one process, so the order of its serials is known."""
    door = Door()
    assert door.lets_in(came(9))
    assert [door.lets_in(came(serial)) for serial in (6, 7, 8)] == [False, False, False]


def test_who_tells_no_process_or_no_id_is_let_in() -> None:
    door = Door()
    assert door.lets_in(came(9))
    assert door.lets_in(came(0))
    assert [door.lets_in(came(serial, id=0)) for serial in (5, 5, 4)] == [True, True, True]


def test_who_was_refused_is_not_remembered() -> None:
    """Demand 13: a refused stranger with a high serial does not lock out the node whose id it names."""
    door = Door(cluster="a")
    assert not door.lets_in(came(1000, cluster="b"))
    assert door.lets_in(came(1, cluster="a"))


def test_what_we_dialled_is_not_counted() -> None:
    """The process at the other end introduces itself as often as it is dialled, in no order that matters."""
    door = Door()
    for serial in (5, 4, 4):
        assert is_in(door.keeper.judge(came(serial), login(), dialled=True))
    assert door.lets_in(came(1))


def test_our_own_handshakes_are_counted_over_all_connections() -> None:
    """Demand 13: both gatekeepers of one process draw on one count."""
    here = Membership(node(1))
    one, other = Gatekeeper(here), Gatekeeper(here)
    said = [keeper.hello().program for keeper in (one, other, one)]
    assert [program.serial for program in said] == [1, 2, 3]
    assert {(program.pid, program.started) for program in said} == {(1, Timestamp.of(STARTED))}


def test_the_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers do not fill our memory: who came first is forgotten, and may then come again."""
    monkeypatch.setattr(membership, "_REMEMBERED", 3)
    door = Door(version="1")
    for id in range(10, 20):
        assert door.lets_in(came(5, id=id))
        assert not door.lets_in(came(4, id=id))
    here = door.membership
    assert max(len(here._last), len(here._latecomers), len(here._warned)) == 3
    assert not door.lets_in(came(5, id=19))
    assert door.lets_in(came(5, id=10))


def test_the_owner_is_asked_when_the_tables_let_a_node_in() -> None:
    """Demand 12: and only then."""
    asked: list[str] = []
    keeper = Gatekeeper(Membership(node(1, cluster="a")), ask=lambda who, hello, login: asked.append(hello.cluster))
    assert not is_in(keeper.judge(came(1, cluster="b"), login(), dialled=False))
    answer = keeper.judge(came(1, cluster="a"), login(), dialled=False)
    assert isinstance(answer, Later)
    assert answer.ask is not None
    assert asked == []
    answer.ask(None)  # type: ignore[arg-type]
    assert asked == ["a"]


def test_whom_the_owner_is_asked_about_is_not_remembered_before_he_says_yes() -> None:
    """Demands 12 and 13: a stranger that names our node's id, and is denied, does not make it late."""
    here = Membership(node(1))
    keeper = Gatekeeper(here, ask=lambda who, hello, login: None)
    stranger = came(1000, started=STARTED + 1000)
    assert isinstance(keeper.judge(stranger, login(), dialled=False), Later)
    assert isinstance(keeper.judge(came(1), login(), dialled=False), Later)
    here.note(stranger)
    assert refusal(keeper.judge(came(2), login(), dialled=False)).rule == "NODE-12"


def test_the_name_may_change_while_it_runs() -> None:
    """Demand 9: what a gatekeeper says and lets in follows the node."""
    door = Door(cluster="a")
    door.membership.node = node(1, cluster="b", accepted_clusters=("a",))
    assert door.keeper.hello().cluster == "b"
    assert door.keeper.hello().accepted_clusters == ("b", "a")
    assert door.keeper.judge(came(1, cluster="a"), login(), dialled=False) == Admit()
    assert door.keeper.judge(came(2, cluster="b"), login(), dialled=False) == Admit()
