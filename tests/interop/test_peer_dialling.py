"""We dial a real monitor, for a session that outlives its connections."""

from __future__ import annotations

import time

import pytest

from msgr.core import Connected, RemoteReset
from msgr.payload import (
    ClientIdent,
    KeepaliveAck,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
)
from msgr.session import Message, Outcome

from ..lab import ReleaseName
from .duel import PING, answers, begin, cut, duel, in_a_row, ping, seqs, settled, talk

pytestmark = pytest.mark.ceph


@pytest.mark.parametrize("by", ["us", "the daemon"])
def test_session_is_resumed_after_a_cut_with_messages_under_way(release: ReleaseName, by: str) -> None:
    """Seen: SERVER_IDENT, RECONNECT_OK. Sent: CLIENT_IDENT, RECONNECT."""
    with duel(release, smaller=True, listens=False) as lab:
        first = lab.dial()
        assert first.expect(ServerIdent).cookie
        receipts = ping(first, 2)
        answers(first, 2)
        receipts += ping(first, 2)
        first.write()
        lost = first.drop_input(PING, 2)
        receipts += ping(first, 2)
        assert len(first.drop_output()) == 2
        heard = lab.session.traffic.in_seq
        cut(first, by=by)
        second = lab.dial()
        assert second.expect(SessionReconnectOk).msg_seq == 4
        assert second.all_sent(SessionReconnect)[0].msg_seq == heard < min(message.seq for message in lost)
        answers(second, 4)
        assert settled(second, receipts)
        assert in_a_row(seqs(first, second))
        assert [message.seq for message in second.all_sent(Message)] == [5, 6]
        connected = second.event(Connected)
        assert connected is not None
        assert connected.resumed


def test_low_connect_seq_meets_retry(release: ReleaseName) -> None:
    """Seen: RETRY, RECONNECT_OK. Sent: RECONNECT, twice on one connection."""
    with duel(release, smaller=True, listens=False) as lab:
        begin(lab).cut()
        lab.session.connect_seq = 40
        again = lab.dial()
        again.expect(SessionReconnectOk)
        again.cut()
        lab.session.connect_seq = 0
        wire = lab.dial()
        told = wire.expect(SessionRetry)
        assert told.connect_seq >= 41
        wire.expect(SessionReconnectOk)
        talk(wire)
        low, high = wire.all_sent(SessionReconnect)
        assert (low.connect_seq, high.connect_seq) == (1, told.connect_seq + 1)
        assert low.global_seq == high.global_seq


def test_low_global_seq_meets_retry_global(release: ReleaseName) -> None:
    """Seen: RETRY_GLOBAL, RECONNECT_OK. Sent: RECONNECT, again on one connection."""
    with duel(release, smaller=True, listens=False) as lab:
        lab.node.table.global_seqs.last = 100
        begin(lab).cut()
        lab.node.table.global_seqs.last = 0
        wire = lab.dial()
        assert wire.expect(SessionRetryGlobal).global_seq == 101
        wire.expect(SessionReconnectOk)
        talk(wire)
        low, high, *_ = wire.all_sent(SessionReconnect)
        assert (low.global_seq, high.global_seq) == (1, 102)


def test_restarted_daemon_tells_of_its_reset(release: ReleaseName) -> None:
    """Seen: RESET(1), SERVER_IDENT. Sent: RECONNECT, CLIENT_IDENT on the same connection."""
    with duel(release, smaller=True, listens=False) as lab:
        first = begin(lab)
        written = ping(first, 2)
        first.drop_output()
        waiting = ping(first, 2)
        first.cut()
        lab.cluster.restart(lab.daemon_name)
        wire = lab.dial()
        assert wire.expect(SessionReset).full
        wire.expect(ServerIdent)
        assert {receipt.outcome for receipt in written} == {Outcome.UNKNOWN}
        assert {receipt.outcome for receipt in waiting} == {Outcome.UNDELIVERED}
        reset = wire.event(RemoteReset)
        assert reset is not None
        assert reset.full
        talk(wire)
        assert in_a_row(seqs(wire))
        (old,) = first.all_sent(ClientIdent)
        (new,) = wire.all_sent(ClientIdent)
        assert new.cookie != old.cookie


def test_wrong_cookie_is_a_reset(release: ReleaseName) -> None:
    """Seen: RESET(1), SERVER_IDENT. Sent: RECONNECT, CLIENT_IDENT on the same connection."""
    with duel(release, smaller=True, listens=False) as lab:
        begin(lab).cut()
        lab.session.client_cookie ^= 1
        wire = lab.dial()
        assert wire.expect(SessionReset).full
        wire.expect(ServerIdent)
        talk(wire)
        assert in_a_row(seqs(wire))


def test_client_ident_with_the_same_cookie_keeps_the_queue_of_the_daemon(release: ReleaseName) -> None:
    """Seen: SERVER_IDENT, and the messages of before again. Sent: CLIENT_IDENT, as if its answer had never come."""
    with duel(release, smaller=True, listens=False) as lab:
        first = begin(lab)
        ping(first, 2)
        first.write()
        lost = first.drop_input(PING, 2)
        first.cut()
        lab.session.server_cookie = 0
        wire = lab.dial()
        wire.expect(ServerIdent)
        answers(wire, 2)
        talk(wire)
        numbers = [message.seq for message in wire.all_seen(Message)]
        assert numbers[0] <= lost[0].seq
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_resumed_session_answers_keepalives(release: ReleaseName) -> None:
    """Seen: RECONNECT_OK, KEEPALIVE2_ACK. Sent: RECONNECT, KEEPALIVE2."""
    with duel(release, smaller=True, listens=False) as lab:
        begin(lab).cut()
        wire = lab.dial()
        wire.expect(SessionReconnectOk)
        stamp = wire.connection.send_keepalive(now=time.monotonic())
        assert wire.expect(KeepaliveAck).stamp == stamp
