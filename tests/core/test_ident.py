"""Who is at the other end: identities that are not complete, not the one meant, or lack what is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.core import ClientConfig, Connected, states
from msgr.errors import FeaturesMissing, IdentError, ToldToWait
from msgr.frame import Mode, Revision
from msgr.payload import (
    LOSSY,
    Ack,
    AuthDone,
    AuthSignature,
    ClientIdent,
    Hello,
    IdentMissingFeatures,
    ServerIdent,
    SessionReconnect,
    SessionReset,
    Wait,
)
from msgr.wire import MSG_ADDR2, SUPPORTED, EntityAddr

from .pair import CLIENT_AT, MON, SERVER_AT, only
from .reach import client_in, server_in
from .script import CLIENT, CLIENT_IDENT, GLOBAL_ID, SERVER, SERVER_IDENT, Script, message, refused

OTHERS: Final = {
    "nonce": "v2:127.0.0.1:6789/1",
    "port": "v2:127.0.0.1:6790",
    "ip": "v2:127.0.0.2:6789",
    "family": "v2:[::1]:6789",
    "type any": "any:127.0.0.1:6789",
    "type v1": "v1:127.0.0.1:6789",
}
RECONNECT: Final = SessionReconnect(
    addresses=CLIENT_IDENT.addresses, client_cookie=1, server_cookie=2, global_seq=3, connect_seq=4, msg_seq=5
)
MASK: Final = 1 << 7 | 1 << 40


@pytest.mark.parametrize("written", OTHERS.values(), ids=OTHERS)
def test_a_server_at_another_address(written: str) -> None:
    """IDENT-4: exactly the address that was dialled must be among the server's."""
    script = client_in(states.AwaitServerIdent)
    script.say(replace(SERVER_IDENT, addresses=(EntityAddr.parse(written),)))
    error = refused(script, IdentError, "IDENT-4")
    assert error.text == f"the server is at {written}{'' if '/' in written else '/0'}; {SERVER_AT} was dialled"


def test_cve_2026_68155_a_server_nowhere() -> None:
    """CVE-2026-68155: a list with nothing in it."""
    script = client_in(states.AwaitServerIdent)
    script.say(replace(SERVER_IDENT, addresses=()))
    assert "the server is at nowhere" in str(refused(script, IdentError, "IDENT-4"))


def test_a_server_everywhere_does_not_make_a_long_text() -> None:
    script = client_in(states.AwaitServerIdent)
    script.say(replace(SERVER_IDENT, addresses=(EntityAddr.parse("v2:[::1]:1"),) * 1000))
    assert "992 more" in str(refused(script, IdentError, "IDENT-4"))


def test_a_server_at_several_addresses() -> None:
    script = client_in(states.AwaitServerIdent)
    addresses = (EntityAddr.parse("v1:127.0.0.1:6789"), SERVER_AT)
    script.say(replace(SERVER_IDENT, addresses=addresses, gid=3))
    peer = only(script.events, Connected).peer
    assert (peer.addresses, peer.gid, peer.lossy, peer.features) == (addresses, 3, True, SUPPORTED)


def test_a_server_without_the_features_that_we_require() -> None:
    script = client_in(states.AwaitServerIdent, config=replace(CLIENT, required=MSG_ADDR2 | MASK))
    script.say(replace(SERVER_IDENT, supported=SUPPORTED & ~MASK))
    error = refused(script, FeaturesMissing, "IDENT-3")
    assert error.mask == MASK
    assert error.text == "feature bits 7, 40 are missing"


def test_a_server_that_requires_more() -> None:
    script = client_in(states.AwaitServerIdent)
    script.say(IdentMissingFeatures(features=MASK))
    assert refused(script, FeaturesMissing, "IDENT-3").mask == MASK


def test_a_server_that_means_to_dial_us() -> None:
    """Demand 74q."""
    script = client_in(states.AwaitServerIdent)
    script.say(Wait())
    refused(script, ToldToWait, "SESSION-WAIT-1")


def test_a_server_that_keeps_its_session_is_acknowledged() -> None:
    """ACK-1: it keeps what it sent until then."""
    script = client_in(states.AwaitServerIdent)
    script.say(replace(SERVER_IDENT, flags=0, cookie=9))
    assert not only(script.events, Connected).peer.lossy
    script.hear_nothing()
    script.frame(message(1), message(2))
    assert script.hear(Ack).seq == 2
    script.hear_nothing()


def test_a_lossy_session_is_not_acknowledged() -> None:
    """Demand 74s."""
    script = client_in(states.Ready)
    script.frame(message(1))
    script.hear_nothing()


@pytest.mark.parametrize("seen_as", ["v2:192.0.2.7:4000", "v2:[fe80::1%3]:4000"])
def test_a_client_is_known_by_where_it_is_seen(seen_as: str) -> None:
    """IDENT-5. Demand 65."""
    seen = EntityAddr.parse(seen_as)
    own = ident_of(CLIENT, seen).addresses
    assert len(own) == 1
    assert own[0] == replace(
        EntityAddr.parse("any:0.0.0.0:0"), host=seen.host, scope_id=seen.scope_id, nonce=own[0].nonce
    )
    assert own[0].nonce


def test_a_client_that_is_not_told_where_it_is_seen() -> None:
    """Its address has no host then, but is still none that is not there."""
    (own,) = ident_of(CLIENT, EntityAddr(0)).addresses
    assert (own.type, own.host, own.port) == (3, None, 0)


def ident_of(config: ClientConfig, seen: EntityAddr) -> ClientIdent:
    """Return how a client presents itself where compression is not discussed (COMPRESSION-1)."""
    script = Script(replace(config, modes=(Mode.CRC,)))
    script.banner(supported=1)
    script.hear(Hello)
    script.say(Hello(entity_type=MON.type, peer_address=seen))
    script.hear_frames()
    script.say(AuthDone(global_id=GLOBAL_ID, mode=Mode.CRC, payload=b""))
    script.switch(Mode.CRC)
    script.hear(AuthSignature)
    script.say(script.signature())
    ident = script.hear(ClientIdent)
    assert (ident.target, ident.gid, ident.flags, ident.cookie) == (SERVER_AT, GLOBAL_ID, LOSSY, 0)
    return ident


@pytest.mark.parametrize("addresses", [(), (EntityAddr(0),), (EntityAddr(0), CLIENT_AT)], ids=["none", "type", "first"])
def test_a_client_without_an_address(addresses: tuple[EntityAddr, ...]) -> None:
    script = server_in(states.AwaitClientIdent)
    script.say(replace(CLIENT_IDENT, addresses=addresses))
    refused(script, IdentError, "IDENT-1")


@pytest.mark.parametrize("written", OTHERS.values(), ids=OTHERS)
def test_a_client_that_means_another(written: str) -> None:
    """IDENT-2: exactly, down to the nonce, so that nobody speaks to what is gone and has a successor. Demand 74m."""
    script = server_in(states.AwaitClientIdent)
    script.say(replace(CLIENT_IDENT, target=EntityAddr.parse(written)))
    assert f"this is {SERVER_AT}" in str(refused(script, IdentError, "IDENT-2"))


def test_any_of_a_server_s_addresses_may_be_meant() -> None:
    other = EntityAddr.parse("v2:[::1]:6789")
    script = server_in(states.AwaitClientIdent, config=replace(SERVER, addresses=(SERVER_AT, other), gid=5))
    script.say(replace(CLIENT_IDENT, target=other))
    ident = script.hear(ServerIdent)
    assert (ident.addresses, ident.gid, ident.flags, ident.cookie) == ((SERVER_AT, other), 5, LOSSY, 0)


@pytest.mark.parametrize("revision", Revision)
@pytest.mark.parametrize("mode", Mode)
def test_a_client_that_lacks_features_may_come_again(mode: Mode, revision: Revision) -> None:
    """IDENT-3: on the same connection, as often as the deadline lets it. Demand 69."""
    config = replace(SERVER, required=MASK)
    script = server_in(states.AwaitClientIdent, config=config, mode=mode, revision=revision)
    lacking = 0
    for _ in range(3):
        assert script.say(replace(CLIENT_IDENT, supported=lacking)) == []
        assert script.hear(IdentMissingFeatures).features == (MASK | MSG_ADDR2) & ~lacking
        lacking |= MASK
    script.say(CLIENT_IDENT)
    script.hear(ServerIdent)
    assert only(script.events, Connected).peer.features == SUPPORTED


def test_modern_addresses_are_always_required() -> None:
    script = server_in(states.AwaitClientIdent, config=replace(SERVER, required=0))
    script.say(replace(CLIENT_IDENT, supported=SUPPORTED & ~MSG_ADDR2))
    assert script.hear(IdentMissingFeatures).features == MSG_ADDR2


@pytest.mark.parametrize("mode", Mode)
def test_a_stateless_server_remembers_no_session(mode: Mode) -> None:
    """SESSION-RECONNECT-1: begin anew, on the same connection."""
    script = server_in(states.AwaitClientIdent, mode=mode)
    for _ in range(2):
        assert script.say(RECONNECT) == []
        assert script.hear(SessionReset).full
    script.say(CLIENT_IDENT)
    script.hear(ServerIdent)
    assert isinstance(script.end.state, states.Ready)
