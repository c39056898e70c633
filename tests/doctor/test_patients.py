"""What is wrong is found, and told by its name."""

from __future__ import annotations

import socket

import anyio
import anyio.abc
import pytest

from msgr import Mode, Revision
from msgr.doctor import Subject, examine
from msgr.errors import ConfigError, KeyringError
from msgr.payload import Banner
from tests.net.raw import BANNER, HELLO, listening, said
from tests.net.world import ADMIN, KEYRING, LOOPBACK, address, echoing, keyring

from .patients import CALM, HASTE, examined, forwarding, larger_is_lost, saying, wrong

pytestmark = pytest.mark.anyio

AFTER_BANNER = ("hello", "auth", "ident", "round_trip", "path_size")


@pytest.mark.parametrize("at", [LOOPBACK, "v2:[::1]:0"])
@pytest.mark.parametrize("revision", Revision)
async def test_a_healthy_server(at: str, revision: Revision) -> None:
    async with echoing(at, revisions=frozenset({revision})) as server:
        found, by_name = await examined(address(server), name=ADMIN, auth=KEYRING, revisions=frozenset({revision}))
    assert (wrong(found), found.healthy, found.nobody) == ([], True, False)
    assert [finding.name for finding in found.findings if finding.ok is None] == ["reverse_path"]
    assert found.verdict == "Nothing is wrong."
    assert by_name["auth"].detail.endswith("it lets us in: cephx as client.admin in secure mode")
    assert by_name["round_trip"].detail.startswith("5 keepalives: min ")
    assert by_name["path_size"].detail.startswith("60,000 bytes in one frame pass on the way up; the way down is not")
    assert "translated" not in by_name["hello"].detail


async def test_without_a_keyring_nobody_logs_in() -> None:
    async with echoing() as server:
        found, by_name = await examined(address(server))
    assert found.healthy
    assert by_name["auth"].detail == "it allows cephx in secure mode; no keyring is given, so nobody logs in"
    assert (by_name["ident"].ok, by_name["round_trip"].ok, by_name["path_size"].ok) == (None, None, True)
    assert found.verdict == "Nothing is wrong as far as it was asked; nobody logged in."


@pytest.mark.parametrize("other", [keyring(ADMIN), keyring("client.nobody")], ids=["key", "name"])
async def test_a_wrong_key_and_an_unknown_name(other: object) -> None:
    name = ADMIN if ADMIN in str(other) else "client.nobody"
    async with echoing() as server:
        found, by_name = await examined(address(server), name=name, auth=other)
    assert wrong(found) == ["auth"]
    assert "the last frame sent is AUTH_REQUEST_MORE" in by_name["auth"].detail
    assert found.verdict.startswith(f"The peer refuses the proof of {name}: ")
    assert (by_name["ident"].ok, by_name["round_trip"].ok, by_name["path_size"].ok) == (None, None, True)


async def test_no_common_mode() -> None:
    async with echoing(modes=(Mode.SECURE,)) as server:
        found, by_name = await examined(address(server), name=ADMIN, auth=KEYRING, modes=(Mode.CRC,))
    assert wrong(found) == ["auth"]
    assert by_name["auth"].detail == "no common mode: it allows cephx in secure mode, crc is offered"


async def test_no_common_method() -> None:
    async with echoing(auth=None) as server:
        found, by_name = await examined(address(server), name=ADMIN, auth=KEYRING)
    assert wrong(found) == ["auth"]
    assert by_name["auth"].detail == "no common method: it allows none in crc mode"
    assert "leave the keyring out" in found.verdict


async def test_a_peer_that_is_too_old() -> None:
    async with echoing(revisions=frozenset({Revision.REV0})) as server:
        found, _ = await examined(address(server), name=ADMIN, auth=KEYRING)
    assert wrong(found) == ["banner"]
    assert "allow revision 2.0" in found.verdict


@pytest.mark.parametrize("nonce", ["", "/7"], ids=["forwarded", "nonce"])
async def test_a_peer_that_believes_to_be_elsewhere(nonce: str) -> None:
    async with echoing() as server, forwarding(lambda: address(server)) as forwarder:
        dialled = address(server).removesuffix("/0") + nonce if nonce else forwarder
        found, by_name = await examined(dialled, name=ADMIN, auth=KEYRING)
    assert wrong(found) == ["ident"]
    assert by_name["auth"].ok
    assert "the last frame sent is CLIENT_IDENT, the last one that came COMPRESSION_DONE" in by_name["ident"].detail
    assert f"it most likely does not believe to be at {dialled};" in found.verdict


async def test_addresses_that_are_translated_are_noticed() -> None:
    async with echoing() as server, forwarding(lambda: address(server), source="127.0.0.2") as forwarder:
        _, by_name = await examined(forwarder)
    assert by_name["hello"].ok
    assert by_name["hello"].detail.endswith(
        "sees us at 127.0.0.2, where our socket has 127.0.0.1: addresses are translated on the way"
    )


@pytest.mark.parametrize(
    ("answer", "told", "verdict"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP answers: ", "A web server listens here"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS answers: ", "A TLS server listens here"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH answers: ", "An SSH server listens here"),
        (b"ceph v027" + bytes(272), "msgr v1 answers: ", "This is the old protocol's port"),
        (b"220 mail.example ESMTP\r\n", "b'220 mail' where a banner begins", "Who listens here does not speak msgr v2"),
        (b"ceph v2\n\x10\x00\x03", "then the peer closed", "The banner is cut short"),
        (b"ceph v2\n\x03\x00abc", "a banner payload of 3 bytes", "Who listens here does not speak msgr v2"),
        (Banner(supported=3, required=1 << 40).to_wire(), "the peer requires", "Who listens here does not speak"),
        (b"", "the peer says nothing: the peer closed", "Something accepts connections and ends them"),
    ],
    ids=["http", "tls", "ssh", "msgr v1", "mail", "cut short", "too short", "requires", "closes"],
)
async def test_somebody_else_listens(answer: bytes, told: str, verdict: str) -> None:
    async with saying(answer) as at:
        found, by_name = await examined(at, timeouts=HASTE)
    assert wrong(found)[0] == "banner"
    assert told in by_name["banner"].detail
    assert found.verdict.startswith(verdict), found.verdict
    assert [by_name[name].ok for name in AFTER_BANNER] == [None] * 5
    assert not found.nobody


async def test_a_silent_peer() -> None:
    async with saying(b"", then_close=False) as at:
        found, by_name = await examined(at, timeouts=HASTE)
    assert wrong(found) == ["banner"]
    told, _, health = by_name["banner"].detail.partition("; ")
    assert told == "the peer says nothing: nothing more within 0.5 s"
    assert health.startswith("its listener on this host: 0 connections wait to be accepted, ")
    assert found.verdict.startswith("The connection stands and nobody speaks")


async def _silent_after(stream: anyio.abc.SocketStream, data: bytes) -> None:
    await stream.send(data)
    while True:
        await stream.receive()


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (BANNER, "hello", "the last frame sent is HELLO, the last one that came the peer's banner"),
        (BANNER + said(HELLO), "auth", "AwaitAuthReply"),
    ],
    ids=["hello", "auth"],
)
async def test_a_peer_that_falls_silent(data: bytes, name: str, told: str) -> None:
    async with listening(lambda stream: _silent_after(stream, data)) as at:
        found, by_name = await examined(at, timeouts=HASTE)
    assert wrong(found)[0] == name
    assert told in by_name[name].detail


async def test_a_path_that_does_not_carry_large_frames() -> None:
    async with echoing() as server, forwarding(lambda: address(server), larger_is_lost(1400)) as forwarder:
        found, by_name = await examined(forwarder, timeouts=CALM)
    assert wrong(found) == ["path_size"]
    assert by_name["path_size"].detail == (
        "this path cannot carry 1,440 bytes up: no answer after 2 s, while frames of 1,200 bytes and less pass"
    )
    assert found.verdict.startswith("Between 1,200 and 1,440 bytes the path begins to lose what is sent up: ")


async def test_a_path_that_stops_is_no_path_that_is_too_narrow() -> None:
    stopped = False

    def passed(burst: bytes) -> bytes | None:
        nonlocal stopped
        stopped = stopped or len(burst) > 1400
        return None if stopped else bytes(burst)

    async with echoing() as server, forwarding(lambda: address(server), passed) as forwarder:
        found, by_name = await examined(forwarder, timeouts=CALM)
    assert wrong(found) == ["path_size"]
    assert "cannot carry" not in by_name["path_size"].detail
    assert "then none to a small frame either" in by_name["path_size"].detail


async def test_a_gateway_that_ends_what_is_too_large() -> None:
    def passed(burst: bytes) -> bytes:
        if len(burst) > 10_000:
            raise anyio.EndOfStream
        return bytes(burst)

    async with echoing() as server, forwarding(lambda: address(server), passed) as forwarder:
        found, by_name = await examined(forwarder)
    assert wrong(found) == ["path_size"]
    assert by_name["path_size"].detail.startswith("the connection ends at 16,384 bytes up, 4,096 pass: ")


async def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens: the port is nobody else's meanwhile
        found, by_name = await examined(f"v2:127.0.0.1:{bound.getsockname()[1]}")
    assert (wrong(found), found.nobody) == (["connect"], True)
    assert by_name["connect"].detail == "127.0.0.1: refused"
    assert "nothing listens at port" in found.verdict


async def test_a_network_without_a_route() -> None:
    found, by_name = await examined("v2:224.0.0.1:6789", timeouts=HASTE)  # TCP has no way to many: nothing is sent
    assert (wrong(found), found.nobody) == (["connect"], True)
    assert by_name["connect"].detail == "224.0.0.1: unreachable (no route to the network)"
    assert found.verdict.startswith("There is no way to this address from here")


@pytest.mark.parametrize("host", ["[fe80::1%nosuchcard]", "x" * 64], ids=["card", "label"])
async def test_a_name_without_an_address(host: str) -> None:
    found, by_name = await examined(f"v2:{host}:6789")  # neither can be asked of a name server
    assert (wrong(found), found.nobody) == (["resolve"], True)
    assert "has no address" in by_name["resolve"].detail
    assert found.verdict.startswith("The name has no address: ")


@pytest.mark.parametrize("at", ["v2:" + "\u00e4" * 64 + ":1", "127.0.0.1:1", "v1:127.0.0.1:6789"])
async def test_what_makes_no_sense_is_not_examined(at: str) -> None:
    with pytest.raises(ConfigError):
        await examine(Subject(address=at))


async def test_a_keyring_without_our_key_is_not_examined() -> None:
    with pytest.raises(KeyringError):
        await examine(Subject(address="v2:127.0.0.1:1", name="client.nobody", auth=KEYRING))
