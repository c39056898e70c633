"""What two ends agreed, the connection that a session has, and the table."""

from __future__ import annotations

import pytest

from msgr.session import GlobalSeqs, LosslessSession, Outcome, PeerSession, Phase, Policy, SessionTable, race_key
from msgr.session import random_cookie as cookie
from msgr.wire import EntityAddr
from tests.session.helpers import numbered

A = EntityAddr.parse("v2:127.0.0.1:6789/1")
B = EntityAddr.parse("v2:127.0.0.1:6789/2")
LEGACY = EntityAddr.parse("v1:127.0.0.1:6789/1")
ANY = EntityAddr.parse("any:127.0.0.1:0/7")


class Line:
    """A connection that notes what is asked of it."""

    def __init__(self) -> None:
        self.displaced = 0
        self.nudged = 0

    def displace(self) -> None:
        self.displaced += 1

    def nudge(self) -> None:
        self.nudged += 1


def written(session: PeerSession) -> None:
    """Let the session write a message."""
    session.traffic.push(numbered(0))
    assert session.traffic.next_frame() is not None


def test_a_new_connection_displaces_the_old_one_and_writes_again_what_that_wrote() -> None:
    session, old, new = PeerSession(Policy.lossless_peer(), (A,)), Line(), Line()
    session.attach(old, Phase.READY)
    written(session)
    session.attach(new, Phase.ACCEPTING)
    assert (old.displaced, new.displaced) == (1, 0)
    assert session.link is new
    assert session.phase is Phase.ACCEPTING
    assert isinstance(session.traffic, LosslessSession)
    assert session.traffic.has_messages
    session.detach(old)
    assert session.link is new


def test_a_connection_does_not_displace_itself() -> None:
    session, line = PeerSession(Policy.lossless_peer()), Line()
    session.attach(line, Phase.CONNECTING)
    session.attach(line, Phase.READY)
    assert line.displaced == 0


def test_a_lossless_session_outlives_its_connection() -> None:
    session, line = PeerSession(Policy.lossless_peer()), Line()
    session.attach(line, Phase.READY)
    written(session)
    session.detach(line)
    assert session.link is None
    assert session.phase is Phase.STANDBY
    assert session.traffic.unacknowledged == 1
    assert session.traffic.has_output


def test_a_lossy_session_does_not() -> None:
    session, line = PeerSession(Policy.lossy_client()), Line()
    session.attach(line, Phase.READY)
    receipt = session.traffic.push(numbered(0))
    session.detach(line)
    assert session.phase is Phase.CLOSED
    assert receipt.outcome is Outcome.UNDELIVERED


def test_a_lossy_session_that_moves_keeps_what_waits() -> None:
    session = PeerSession(Policy.stateless_registered_server())
    session.attach(Line(), Phase.READY)
    receipt = session.traffic.push(numbered(0))
    session.attach(Line(), Phase.READY)
    assert receipt.outcome is None


@pytest.mark.parametrize("policy", [Policy.lossless_peer(), Policy.lossy_client()], ids=lambda policy: policy.name)
def test_to_forget_is_to_have_no_cookies_and_no_counts(policy: Policy) -> None:
    session = PeerSession(policy)
    session.client_cookie, session.server_cookie, session.connect_seq, session.peer_global_seq = 1, 2, 3, 4
    receipt = session.traffic.push(numbered(0))
    session.forget(queue=True)
    existing = session.existing
    assert (existing.client_cookie, existing.server_cookie, existing.connect_seq, existing.peer_global_seq) == (0,) * 4
    assert receipt.outcome is (None if policy.lossy else Outcome.UNDELIVERED)


def test_the_end_settles_everything() -> None:
    session = PeerSession(Policy.lossless_peer())
    session.attach(Line(), Phase.READY)
    written(session)
    waiting = session.traffic.push(numbered(1))
    session.end()
    assert session.phase is Phase.CLOSED
    assert waiting.outcome is Outcome.UNDELIVERED
    assert session.traffic.counters.unknown == 1


def test_the_table_goes_by_the_whole_vector() -> None:
    """Demand 43."""
    table = SessionTable()
    session = PeerSession(Policy.lossless_peer(), (A, LEGACY))
    table.register(session)
    assert table.find((A, LEGACY)) is session
    for other in [(A,), (LEGACY, A), (B, LEGACY), ()]:
        assert table.find(other) is None
    assert list(table) == [session]


def test_the_table_keeps_the_newest_and_removes_only_what_is_there() -> None:
    table = SessionTable()
    old, new = PeerSession(Policy.lossless_peer(), (A,)), PeerSession(Policy.lossless_peer(), (A,))
    table.register(old)
    table.register(new)
    table.remove(old)
    assert table.find((A,)) is new
    table.remove(new)
    table.remove(new)
    assert len(table) == 0


def test_the_table_compares_memory() -> None:
    """Equal addresses are the same place, whichever objects they are; a vector is no other's beginning."""
    table, blank = SessionTable(), EntityAddr(0)
    session = PeerSession(Policy.lossless_peer(), (A, blank))
    table.register(session)
    assert table.find((EntityAddr.decode(A.encode()), EntityAddr.decode(blank.encode()))) is session
    for other in [(A,), (A, blank, blank), (blank, A), (EntityAddr.parse("v2:[::ffff:127.0.0.1]:6789/1"), blank)]:
        assert table.find(other) is None


def test_the_table_removes_what_goes_by_another_address_by_now() -> None:
    table, session = SessionTable(), PeerSession(Policy.lossless_peer(), (A,))
    table.register(session)
    session.addresses = (B,)
    table.remove(session)
    assert len(table) == 0
    table.register(session)
    assert table.find((B,)) is session


def test_global_seqs_only_rise() -> None:
    seqs = GlobalSeqs()
    assert [seqs.next(), seqs.next(), seqs.next(above=9), seqs.next(above=3), seqs.next()] == [1, 2, 10, 11, 12]


def test_the_race_is_decided_by_the_first_msgr2_address() -> None:
    assert race_key((LEGACY, B, A)) == race_key((B,)) == B.sort_key()
    assert race_key((A,)) < race_key((B,))
    assert race_key((LEGACY, ANY)) == race_key(()) == bytes(36)
    assert race_key(()) < race_key((A,))


def test_the_race_compares_memory_and_not_numbers() -> None:
    # The lowest byte of the nonce comes first, so that 256 is before 1; the port is in network order.
    assert race_key((EntityAddr.parse("v2:127.0.0.1:6789/256"),)) < race_key((A,))
    assert race_key((EntityAddr.parse("v2:127.0.0.1:255/1"),)) < race_key((EntityAddr.parse("v2:127.0.0.1:256/1"),))
    assert race_key((EntityAddr.parse("v2:9.0.0.1:1/1"),)) < race_key((EntityAddr.parse("v2:10.0.0.1:1/1"),))


def test_a_cookie_is_never_zero() -> None:
    assert cookie(bytes) == 1
    assert cookie(lambda size: b"\xff" * size) == (1 << 64) - 1
