"""A real monitor and we dial each other at the same time: the connection of the smaller address wins."""

from __future__ import annotations

import time

import pytest

from msgr.core import RemoteReset
from msgr.core.states import Ended
from msgr.errors import ToldToWait
from msgr.payload import (
    AuthSignature,
    ClientIdent,
    Hello,
    Keepalive,
    KeepaliveAck,
    ServerIdent,
    SessionReconnect,
    SessionReset,
    Wait,
)

from ..lab import ReleaseName
from .duel import PING, answers, begin, duel, in_a_row, ping, seqs, settled, talk
from .wire import Wire

pytestmark = pytest.mark.ceph


def told_to_wait(wire: Wire) -> bool:
    """Go on until the daemon says WAIT, and tell whether that ended the connection."""
    wire.expect(Wait)
    state = wire.connection.state
    return isinstance(state, Ended) and isinstance(state.error, ToldToWait)


def test_daemon_whose_address_is_smaller_tells_us_to_wait(release: ReleaseName) -> None:
    """Seen: CLIENT_IDENT, WAIT, KEEPALIVE2. Sent: CLIENT_IDENT, SERVER_IDENT, KEEPALIVE2_ACK."""
    with duel(release, smaller=False, listens=True) as lab:
        theirs = lab.node.accept(Hello)
        ours = lab.dial()
        assert told_to_wait(ours)
        ours.cut()
        theirs.expect(ClientIdent)
        theirs.expect(Keepalive)
        talk(theirs)
        assert theirs.all_sent(KeepaliveAck)


def test_reconnecting_daemon_whose_address_is_smaller_tells_us_to_wait(release: ReleaseName) -> None:
    """Seen: RECONNECT, WAIT. Sent: RECONNECT with the same connect_seq, RECONNECT_OK."""
    with duel(release, smaller=False, listens=True) as lab:
        first = lab.node.accept(ClientIdent)
        talk(first)
        receipts = ping(first, 2)
        first.write()
        first.drop_input(PING, 2)
        first.cut()
        theirs = lab.node.accept(Hello)
        ours = lab.dial()
        assert told_to_wait(ours)
        ours.cut()
        asked = theirs.expect(SessionReconnect)
        assert asked.connect_seq == ours.all_sent(SessionReconnect)[0].connect_seq == 1
        answers(theirs, 2)
        assert settled(theirs, receipts)
        talk(theirs)
        assert in_a_row(seqs(first, theirs))


def test_our_connection_wins_where_our_address_is_smaller(release: ReleaseName) -> None:
    """Seen: CLIENT_IDENT, SERVER_IDENT, the end of the connection that lost. Sent: CLIENT_IDENT, WAIT."""
    with duel(release, smaller=True, listens=True) as lab:
        ours = lab.dial()
        ours.expect(AuthSignature)
        theirs = lab.node.accept(ClientIdent)
        theirs.write()
        assert theirs.all_sent(Wait)
        theirs.until_closed()
        ours.expect(ServerIdent)
        talk(ours)


def test_daemon_whose_address_is_larger_drops_its_own_connection_for_ours(release: ReleaseName) -> None:
    """Seen: SERVER_IDENT, the end of the connection that the daemon had begun. Sent: CLIENT_IDENT."""
    with duel(release, smaller=True, listens=True) as lab:
        theirs = lab.node.accept(Hello)
        ours = begin(lab)
        theirs.until_closed()
        talk(ours)


def test_our_reconnect_wins_where_our_address_is_smaller(release: ReleaseName) -> None:
    """Seen: RECONNECT, RECONNECT_OK, the end of the connection that lost. Sent: RECONNECT, WAIT."""
    with duel(release, smaller=True, listens=True) as lab:
        first = lab.node.accept(ClientIdent)
        talk(first)
        receipts = ping(first, 2)
        first.write()
        first.drop_input(PING, 2)
        first.cut()
        theirs = lab.node.accept(Hello)
        ours = lab.dial()
        ours.expect(AuthSignature)
        theirs.expect(SessionReconnect)
        theirs.write()
        assert theirs.all_sent(Wait)
        answers(ours, 2)
        assert settled(ours, receipts)
        talk(ours)
        assert in_a_row(seqs(first, ours))
        theirs.until_closed()


def test_daemon_told_to_wait_waits_long(release: ReleaseName) -> None:
    """Seen: CLIENT_IDENT, the end of the connection, and 2 s (ms max backoff) later another. Sent: WAIT."""
    with duel(release, smaller=True, listens=True) as lab:
        ours = lab.dial()
        ours.expect(AuthSignature)
        theirs = lab.node.accept(ClientIdent)
        theirs.write()
        theirs.until_closed()
        told = time.monotonic()
        ours.cut()
        again = lab.node.accept(ClientIdent)
        assert 1.8 < time.monotonic() - told < 4
        talk(again)


def test_daemon_that_was_never_answered_resets_what_we_take_for_a_session(release: ReleaseName) -> None:
    """Seen: CLIENT_IDENT, RESET(0), SERVER_IDENT. Sent: RECONNECT, CLIENT_IDENT with the cookie of the daemon."""
    with duel(release, smaller=False, listens=True) as lab:
        theirs = lab.node.accept(ClientIdent)
        assert theirs.ready  # we think
        receipts = ping(theirs, 2)
        theirs.drop_output()
        ours = lab.dial()
        assert not ours.expect(SessionReset).full
        ours.expect(ServerIdent)
        theirs.until_closed()
        answers(ours, 2)
        assert settled(ours, receipts)
        assert ours.event(RemoteReset) is None
        (ident,) = ours.all_sent(ClientIdent)
        assert ident.cookie == theirs.all_seen(ClientIdent)[0].cookie
        talk(ours)
        assert in_a_row(seqs(ours))
