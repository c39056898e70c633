"""Method none, and the signatures that every method ends with."""

from __future__ import annotations

import pytest

from msgr.auth import (
    AuthMethod,
    ClientMethod,
    Denied,
    Done,
    GlobalIds,
    Keys,
    NoneClient,
    NoneServer,
    PeerVerified,
    ServerMethod,
    sign,
    verify,
)
from msgr.auth.cephx.structs import Challenges
from msgr.errors import AuthError, SignatureError, StateError
from msgr.frame import Mode

from .helpers import ADMIN, NOW, dice_of


@pytest.mark.parametrize("service", [False, True])
def test_none(service: bool) -> None:
    client, server = NoneClient(ADMIN, service=service), NoneServer(GlobalIds(10))
    methods: tuple[ClientMethod, ServerMethod] = client, server
    for method in methods:
        assert method.number == AuthMethod.NONE
        assert method.modes == {Mode.CRC}
    for _ in range(2):
        ours, theirs = client.converse(dice_of("c"), now=NOW), server.converse(dice_of("s"), now=NOW)
        request = ours.begin()
        assert request[0] == (1 if service else 10)
        done = theirs.begin(request, mode=Mode.CRC)
        assert isinstance(done, Done)
        assert (done.payload, done.identity.name, done.identity.global_id) == (b"", ADMIN, 10)
        assert ours.done(b"", global_id=10, mode=Mode.CRC) == done.keys == Keys(b"", b"")


def test_none_client_refuses() -> None:
    conversation = NoneClient(ADMIN).converse(dice_of("c"), now=NOW)
    with pytest.raises(AuthError, match="AUTH-21"):
        conversation.more(b"")
    with pytest.raises(AuthError, match="AUTH-21"):
        conversation.done(b"x", global_id=1, mode=Mode.CRC)
    with pytest.raises(AuthError, match="AUTH-21"):
        conversation.done(b"", global_id=1, mode=Mode.SECURE)


def test_none_server_refuses() -> None:
    server = NoneServer(GlobalIds())
    request = NoneClient(ADMIN).converse(dice_of("c"), now=NOW).begin()
    theirs = server.converse(dice_of("s"), now=NOW)
    secure = theirs.begin(request, mode=Mode.SECURE)
    assert isinstance(secure, Denied)
    assert secure.result == -95
    for payload in (b"", request[:-1], b"\0" + request[1:], b"\x14" + request[1:]):
        verdict = theirs.begin(payload, mode=Mode.CRC)
        assert isinstance(verdict, Denied)
        assert verdict.result == -13
    more = theirs.more(b"")
    assert isinstance(more, Denied)
    assert more.result == -13


def test_signature() -> None:
    # RFC 4231, test case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign(b"Jefe", b"what do ya want for nothing?").hex() == expected
    proof = verify(b"Jefe", b"what do ya want for nothing?", bytes.fromhex(expected))
    assert isinstance(proof, PeerVerified)


def test_no_key_signs_with_zeros() -> None:
    assert sign(b"", b"transcript") == bytes(32)
    verify(b"", b"transcript", bytes(32))


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64])
@pytest.mark.parametrize("key", [b"", b"key"])
def test_wrong_signatures(key: bytes, size: int) -> None:
    with pytest.raises(SignatureError, match="AUTH-25"):
        verify(key, b"transcript", b"\x01" * size)


def test_every_bit_of_a_signature_and_of_what_it_covers() -> None:
    key, transcript = Challenges(server=1, client=2).encode(), b"banner, hello, request"
    signature = sign(key, transcript)
    for bit in range(256):
        spoilt = bytearray(signature)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            verify(key, transcript, spoilt)
    for bit in range(8 * len(transcript)):
        spoilt = bytearray(transcript)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            verify(key, spoilt, signature)


def test_only_verify_makes_the_proof() -> None:
    with pytest.raises(StateError, match="AUTH-25"):
        PeerVerified(object())
