"""What the system's own tables say, with sockets that the test itself puts into these states."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest

from msgr.doctor.host import Place, health, judge_backlog, judge_close_wait, read
from msgr.doctor.tables import CLOSE_WAIT, LISTEN, overflows, parse, sockets

from .patients import HASTE, examined, wrong

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc/net/tcp"),
]

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
V4 = "   0: 0100007F:1A85 0200007F:0D80 08 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"
V6 = (
    "   1: 00000000000000000000000001000000:0CE4 00000000000000000000000000000000:0000 0A 00000000:00000007"
    " 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"
)
MAPPED = (
    "   2: 0000000000000000FFFF00000100007F:0CE4 0000000000000000FFFF00000100007F:8001 01 00000000:00000000"
    " 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"
)


@pytest.fixture(params=["127.0.0.1", "::1", "::"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A listener that accepts only what the test accepts, with room for one."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as listening:
        listening.bind((request.param, 0))
        listening.listen(0)
        yield listening


def dial(listener: socket.socket) -> socket.socket:
    """Connect to a listener."""
    host, port = listener.getsockname()[:2]
    return socket.create_connection(("127.0.0.1" if host == "::" else host, port), timeout=5)


def place(listener: socket.socket) -> Place:
    """Return where clients of a listener connect to."""
    host, port = listener.getsockname()[:2]
    return Place.of(("127.0.0.1" if host == "::" else host, port))


async def test_a_queue_that_nobody_empties(listener: socket.socket) -> None:
    """demand 54: the queue and the host's counter of overflows, of a listener with room for one."""
    at = place(listener)
    free = await read([at])
    assert free is not None
    assert (free.listeners, free.waiting) == (1, 0)
    with dial(listener):
        full = await read([at])
        assert full is not None
        assert (full.listeners, full.waiting) == (1, 1)
        finding = judge_backlog([at], full, 3, 5)
        assert finding.ok is False
        assert "1 connections wait to be accepted and are not" in finding.detail
        assert "dropped 5 connections for a full queue since it started, 2 of them just now" in finding.detail
        listener.accept()[0].close()
    again = await read([at])
    assert again is not None
    assert judge_backlog([at], again, 3, 5).ok


async def test_a_peer_that_leaks_sockets(listener: socket.socket) -> None:
    """demand 54: CLOSE_WAIT."""
    at = place(listener)
    with ExitStack() as stack:
        client = dial(listener)
        left = stack.enter_context(listener.accept()[0])
        before = await read([at])
        assert before is not None
        assert not before.left_open
        client.close()
        found = await read([at])
        assert found is not None
        assert {row.remote[1] for row in found.left_open} == {left.getpeername()[1]}
        finding = judge_close_wait([at], found)
        assert finding.ok is False
        assert finding.detail.startswith("1 sockets of the peer and 0 of its clients ")
        assert "the daemon does not" in finding.advice
    after = await read([at])
    assert after is not None
    assert judge_close_wait([at], after).ok


async def test_a_client_that_leaks_sockets(listener: socket.socket) -> None:
    at = place(listener)
    with dial(listener) as client:
        listener.accept()[0].close()
        found = await read([at])
        assert found is not None
        assert {row.local[1] for row in found.clients_open} == {client.getsockname()[1]}
        finding = judge_close_wait([at], found)
        assert finding.ok is False
        assert "the client on this host does not" in finding.advice


async def test_who_never_accepts_is_told_of_with_what_timed_out(listener: socket.socket) -> None:
    """demand 51: a handshake that is late tells how the listener is, in the same breath."""
    host, port = place(listener).host, place(listener).port
    written = f"v2:[{host}]:{port}" if host.version == 6 else f"v2:{host}:{port}"
    with dial(listener):
        listener.listen(8)
        found, by_name = await examined(written, timeouts=HASTE)
        assert wrong(found)[:2] == ["banner", "backlog"]  # and our own connections, which nobody accepts, stay open
        waiting = int(by_name["banner"].detail.split("its listener on this host: ")[1].split()[0])
        assert waiting >= 2  # ours, and that of the question
        assert "were dropped for a full queue since the host started" in by_name["banner"].detail


async def test_the_health_of_who_is_not_here(tmp_path: Path) -> None:
    here = Place.of(("127.0.0.1", 1))
    assert await health([Place.of(("192.0.2.1", 6789))]) == ""
    assert await health([here], tmp_path) == ""
    assert await health([here]) == ""


async def test_what_a_full_queue_looks_like_from_outside(listener: socket.socket) -> None:
    host, port = place(listener).host, place(listener).port
    written = f"v2:[{host}]:{port}" if host.version == 6 else f"v2:{host}:{port}"
    with dial(listener):
        found, by_name = await examined(written, timeouts=HASTE)
    assert wrong(found) == ["connect", "backlog"]
    assert found.nobody
    assert "no answer after 0.5 s" in by_name["connect"].detail
    assert found.verdict.startswith("The daemon on this host does not accept connections: ")


async def test_of_others_the_tables_say_nothing() -> None:
    elsewhere = [Place.of(("192.0.2.1", 6789))]
    assert not elsewhere[0].is_here
    found = await read(elsewhere)
    assert judge_backlog(elsewhere, found, 0, 0).ok is None
    finding = judge_close_wait(elsewhere, found)
    assert (finding.ok, finding.detail) == (True, "no socket of clients of the peer on this host stays in CLOSE_WAIT")


async def test_a_system_without_such_tables(tmp_path: Path) -> None:
    here = [Place.of(("127.0.0.1", 6789))]
    assert sockets(tmp_path) is None
    assert overflows(tmp_path) is None
    found = await read(here, tmp_path)
    assert found is None
    assert (judge_backlog(here, found, 0, 0).ok, judge_close_wait(here, found).ok) == (None, None)


@pytest.mark.skipif("sys.byteorder != 'little'")
def test_the_tables_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(HEAD + V4 + "\n")
    (tmp_path / "tcp6").write_text(HEAD + V6 + "\n" + MAPPED + "\n")
    names, values = "TcpExt: SyncookiesSent ListenOverflows ListenDrops", "TcpExt: 1 10138 3"
    (tmp_path / "netstat").write_text(f"{names}\n{values}\nIpExt: InNoRoutes\nIpExt: 4\n")
    rows = sockets(tmp_path)
    assert rows is not None
    four, six, mapped = rows
    assert (four.local, four.remote) == ((ip_address("127.0.0.1"), 6789), (ip_address("127.0.0.2"), 3456))
    assert four.state == CLOSE_WAIT
    assert (six.local, six.state, six.waiting) == ((ip_address("::1"), 3300), LISTEN, 7)
    assert mapped.local == (ip_address("127.0.0.1"), 3300)
    assert overflows(tmp_path) == 10138


@pytest.mark.parametrize("line", ["", "0: 0100007F:1A85", "0: 0100:1 0100:1 0A 0:0", "0: 0100007F:1 0100007F:1 ZZ 0:0"])
def test_what_is_no_table_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        list(parse([line]))
