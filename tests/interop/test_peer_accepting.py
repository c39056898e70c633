"""A real monitor dials us, for a session that outlives its connections."""

from __future__ import annotations

import pytest

from msgr.core import Connected
from msgr.payload import (
    ClientIdent,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
)
from msgr.session import Message

from ..lab import ReleaseName
from .duel import PING, Duel, answers, cut, duel, in_a_row, ping, seqs, settled, talk
from .wire import Wire

pytestmark = pytest.mark.ceph


def welcome(lab: Duel) -> Wire:
    """Take the daemon's first connection, begin a session, and have a ping answered."""
    wire = lab.node.accept(ClientIdent)
    talk(wire)
    assert wire.all_sent(ServerIdent)
    return wire


def interrupt(wire: Wire) -> None:
    """Break the connection while the daemon has messages under way, so that it dials again at once."""
    ping(wire, 2)
    wire.write()
    wire.drop_input(PING, 2)
    wire.cut()


@pytest.mark.parametrize("by", ["us", "the daemon"])
def test_daemon_resumes_after_a_cut_with_messages_under_way(release: ReleaseName, by: str) -> None:
    """Seen: CLIENT_IDENT, RECONNECT. Sent: SERVER_IDENT, RECONNECT_OK."""
    with duel(release, smaller=False, listens=True) as lab:
        first = lab.node.accept(ClientIdent)
        receipts = ping(first, 2)
        answers(first, 2)
        receipts += ping(first, 2)
        first.write()
        first.drop_input(PING, 2)
        receipts += ping(first, 2)
        assert len(first.drop_output()) == 2
        heard = lab.session.traffic.in_seq
        cut(first, by=by)
        second = lab.node.accept(SessionReconnect)
        (asked,) = second.all_seen(SessionReconnect)
        session = lab.session
        assert (asked.client_cookie, asked.server_cookie) == (session.client_cookie, session.server_cookie)
        assert asked.msg_seq == 4
        answers(second, 4)
        assert settled(second, receipts)
        (told,) = second.all_sent(SessionReconnectOk)
        assert told.msg_seq == heard
        assert in_a_row(seqs(first, second))
        assert [message.seq for message in second.all_sent(Message)] == [5, 6]
        connected = second.event(Connected)
        assert connected is not None
        assert connected.resumed


def test_daemon_told_to_retry_comes_with_a_higher_connect_seq(release: ReleaseName) -> None:
    """Seen: RECONNECT, twice on one connection. Sent: RETRY, RECONNECT_OK."""
    with duel(release, smaller=False, listens=True) as lab:
        first = welcome(lab)
        lab.session.connect_seq = 50
        interrupt(first)
        wire = lab.node.accept(SessionReconnect)
        high = wire.expect(SessionReconnect)
        answers(wire, 2)
        talk(wire)
        low = wire.all_seen(SessionReconnect)[0]
        assert wire.all_sent(SessionRetry) == [SessionRetry(connect_seq=50)]
        assert (high.connect_seq, high.global_seq) == (51, low.global_seq)
        assert in_a_row(seqs(first, wire))


def test_daemon_told_to_retry_comes_with_a_higher_global_seq(release: ReleaseName) -> None:
    """Seen: RECONNECT, twice on one connection. Sent: RETRY_GLOBAL, RECONNECT_OK."""
    with duel(release, smaller=False, listens=True) as lab:
        first = welcome(lab)
        lab.session.peer_global_seq = 1000
        interrupt(first)
        wire = lab.node.accept(SessionReconnect)
        high = wire.expect(SessionReconnect)
        answers(wire, 2)
        talk(wire)
        low = wire.all_seen(SessionReconnect)[0]
        assert wire.all_sent(SessionRetryGlobal) == [SessionRetryGlobal(global_seq=1000)]
        assert high.global_seq > 1000 > low.global_seq
        assert high.connect_seq == low.connect_seq
        assert in_a_row(seqs(first, wire))


def test_daemon_told_of_a_full_reset_begins_anew(release: ReleaseName) -> None:
    """Seen: RECONNECT, CLIENT_IDENT on the same connection. Sent: RESET(1), SERVER_IDENT."""
    with duel(release, smaller=False, listens=True) as lab:
        first = welcome(lab)
        lab.node.table.remove(lab.session)
        interrupt(first)
        wire = lab.node.accept(SessionReconnect)
        ident = wire.expect(ClientIdent)
        assert wire.all_sent(SessionReset) == [SessionReset(full=True)]
        assert ident.cookie != wire.all_seen(SessionReconnect)[0].client_cookie
        talk(wire)
        assert in_a_row(seqs(wire))
        assert sum(message.type == PING for message in wire.all_seen(Message)) == 1


def test_daemon_told_of_a_reset_that_is_not_full_keeps_its_queue(release: ReleaseName) -> None:
    """Seen: RECONNECT, CLIENT_IDENT on the same connection. Sent: RESET(0), SERVER_IDENT."""
    with duel(release, smaller=False, listens=True) as lab:
        first = welcome(lab)
        lab.session.server_cookie = 0
        interrupt(first)
        wire = lab.node.accept(SessionReconnect)
        ident = wire.expect(ClientIdent)
        assert wire.all_sent(SessionReset) == [SessionReset(full=False)]
        assert ident.cookie == wire.all_seen(SessionReconnect)[0].client_cookie
        answers(wire, 2)
        talk(wire)
        assert in_a_row(seqs(first, wire))
