"""Any bytes at any step: documented errors and refusals, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from msgr.auth import Denied, Done, GlobalIds, KeyType, More, NoneServer
from msgr.auth.cephx import authorizer_structs, renewal_structs, structs
from msgr.auth.cephx.crypto import Usage, decrypt, encrypt
from msgr.auth.cephx.envelope import open_envelope
from msgr.auth.request import Request
from msgr.errors import AuthError, DecodeError, PeerError
from msgr.frame import Mode
from msgr.wire import Record

from .helpers import ADMIN, BOTH, NOW, Office, dice_of, key_of

LAYOUTS: list[type[Record]] = [
    Request,
    structs.ServerChallenge,
    structs.Challenges,
    structs.TicketBlob,
    structs.OldAuthenticate,
    structs.Authenticate,
    structs.ServiceTicket,
    structs.TicketGrant,
    structs.TicketReply,
    structs.BareReply,
    structs.SessionReply,
    structs.AuthCapsInfo,
    structs.AuthTicket,
    structs.TicketInfo,
    authorizer_structs.Authorizer,
    authorizer_structs.OldAuthorize,
    authorizer_structs.Authorize,
    authorizer_structs.OldAuthorizeReply,
    authorizer_structs.AuthorizeReply,
    renewal_structs.TicketRequest,
    renewal_structs.PrincipalHead,
    renewal_structs.PrincipalRequest,
    renewal_structs.PrincipalReply,
    renewal_structs.RotatingReply,
    renewal_structs.SecretEntry,
    renewal_structs.SecretList,
]
KINDS = st.sampled_from(BOTH)
MODES = st.sampled_from(Mode)


@given(st.sampled_from(LAYOUTS), st.binary(max_size=200))
def test_any_bytes_to_any_layout(layout: type[Record], data: bytes) -> None:
    try:
        record = layout.decode(data)
    except DecodeError:
        return
    assert layout.decode(record.encode()) == record


@given(KINDS, st.sampled_from(Usage), st.binary(max_size=200))
def test_what_is_sealed_opens(kind: KeyType, usage: Usage, plaintext: bytes) -> None:
    key = key_of(kind)
    assert decrypt(key, usage, encrypt(key, usage, plaintext, dice_of("x"))) == plaintext


@given(KINDS, st.lists(st.tuples(st.sampled_from(Usage), st.binary(max_size=40)), min_size=1, max_size=8))
def test_a_key_that_was_used_before_seals_as_a_fresh_one(kind: KeyType, uses: list[tuple[Usage, bytes]]) -> None:
    used = key_of(kind)
    for usage, plaintext in uses:
        sealed = encrypt(used, usage, plaintext, dice_of("x"))
        assert sealed == encrypt(key_of(kind), usage, plaintext, dice_of("x"))
        assert decrypt(used, usage, sealed) == plaintext
    # What it keeps for the next time is not seen, and makes it no other key.
    assert (used, hash(used), repr(used)) == (key_of(kind), hash(key_of(kind)), repr(key_of(kind)))
    assert used.encode() == key_of(kind).encode()
    assert not replace(used, secret=bytes(len(used.secret))).derived


@given(KINDS, st.sampled_from(Usage), st.binary(max_size=200))
def test_any_bytes_to_an_envelope(kind: KeyType, usage: Usage, data: bytes) -> None:
    try:
        open_envelope(key_of(kind), usage, data)
    except (AuthError, DecodeError):
        return
    raise AssertionError("opened")


@given(KINDS, MODES, st.binary(max_size=100), st.binary(max_size=200))
def test_any_bytes_to_a_client(kind: KeyType, mode: Mode, challenge: bytes, done: bytes) -> None:
    client = Office(kind).client(0x37)
    conversation = client.converse(dice_of("x"), now=NOW)
    conversation.begin()
    for step in (lambda: conversation.more(challenge), lambda: conversation.done(done, global_id=1, mode=mode)):
        try:
            step()
        except PeerError:
            continue
    assert not client.tickets


@given(KINDS, MODES, st.binary(max_size=200))
def test_any_answer_to_a_proof(kind: KeyType, mode: Mode, done: bytes) -> None:
    client = Office(kind).client(0x37)
    conversation = client.converse(dice_of("x"), now=NOW)
    conversation.begin()
    conversation.more(structs.ServerChallenge(challenge=1).encode())
    for payload in (done, structs.ReplyHead().encode() + done):
        try:
            conversation.done(payload, global_id=1, mode=mode)
        except PeerError:
            continue
    assert not client.tickets


@given(MODES, st.lists(st.binary(max_size=200), max_size=3), st.binary(max_size=200))
def test_any_bytes_to_a_server(mode: Mode, requests: list[bytes], proof: bytes) -> None:
    conversation = Office().server.converse(dice_of("x"), now=NOW)
    for payload in requests:
        assert isinstance(conversation.begin(payload, mode=mode), More | Denied)
    assert isinstance(conversation.more(proof), Denied)
    assert isinstance(conversation.more(proof), Denied)


@given(MODES, st.integers(0, 2**64 - 1), st.binary(max_size=200))
def test_any_proof_after_a_good_request(mode: Mode, global_id: int, tail: bytes) -> None:
    conversation = Office().server.converse(dice_of("x"), now=NOW)
    request = Request(kind=10, name=ADMIN, global_id=global_id)
    assert isinstance(conversation.begin(request.encode(), mode=mode), More)
    assert isinstance(conversation.more(b"\0\x01" + tail), Denied)


@given(MODES, st.binary(max_size=100))
def test_any_bytes_to_method_none(mode: Mode, data: bytes) -> None:
    conversation = NoneServer(GlobalIds()).converse(dice_of("x"), now=NOW)
    assert isinstance(conversation.begin(data, mode=mode), Done | Denied)
    assert isinstance(conversation.more(data), Denied)
