"""Secure mode against someone on the path: no bit, no order, no direction can be changed unnoticed."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import AuthError, ChecksumError, ConnectionLost, IntegrityError, NoncesExhausted, PeerError
from msgr.frame import Frame, FrameDecoder, FrameLimits, NonceSequence, Revision, SecureKeys, secure_mode
from tests.frame.strategies import SECRET
from tests.frame.vectors import GENEROUS, admit_all, take_all
from tests.witness.encoder import crc, flipped

EACH_REVISION = pytest.mark.parametrize("revision", Revision, ids=str)
MESSAGE = Frame(17, (b"\x11" * 60, b"", b"middle", b"some data"))
BITS = {Revision.REV0: 32, Revision.REV1: 64}


def wires(revision: Revision, *said: Frame, secret: bytes = SECRET) -> list[bytes]:
    """What the end that dialled sends, frame by frame."""
    mode = secure_mode(revision, secret, client=True)
    return [b"".join(bytes(piece) for piece in mode.seal(frame)) for frame in said]


def taking(revision: Revision, *, client: bool = False, limits: FrameLimits = GENEROUS) -> FrameDecoder:
    return FrameDecoder(secure_mode(revision, SECRET, client=client), limits, admit_all)


@EACH_REVISION
def test_every_flipped_bit_is_refused(revision: Revision) -> None:
    (wire,) = wires(revision, MESSAGE)
    for bit in range(len(wire) * 8):
        decoder = taking(revision)
        decoder.feed(flipped(wire, bit))
        # msgr2.0 notices a spoilt preamble by its checksum, all else by the tag; no flip leaves it waiting.
        expected = ChecksumError if revision is Revision.REV0 and bit < 256 else IntegrityError
        with pytest.raises(expected):
            decoder.next_frame()


@pytest.mark.parametrize("bit", range(8 * 28))
def test_rev0_delivers_nothing_for_a_preamble_changed_with_its_checksum(bit: int) -> None:
    # Ciphertext of msgr2.0 is malleable until its tag is there, and the checksum is linear: whoever is on the path
    # can change the announced lengths. Then the decoder waits for the rest, or refuses; it never delivers.
    (wire,) = wires(Revision.REV0, MESSAGE)
    change = flipped(bytes(28), bit)
    change += pack("<I", crc(change, 0))
    spoilt = bytes(a ^ b for a, b in zip(wire, change.ljust(len(wire), b"\0"), strict=True))
    decoder = taking(Revision.REV0, limits=FrameLimits((4096, 4096, 4096, 4096)))
    decoder.feed(spoilt)
    try:
        assert decoder.next_frame() is None
        assert decoder.awaiting is not None
        decoder.feed(bytes(5 * 4096))
        decoder.next_frame()
    except PeerError:
        return
    pytest.fail("delivered")


@EACH_REVISION
@given(order=st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_only_the_frames_in_their_order_are_delivered(revision: Revision, order: list[int]) -> None:
    """Replayed, dropped and swapped frames, in every combination."""
    said = [Frame(20, (bytes([n]) * 8,)) for n in range(4)]
    recorded = wires(revision, *said)
    in_order = 0
    while in_order < len(order) and order[in_order] == in_order:
        in_order += 1
    decoder = taking(revision)
    heard: list[Frame] = []
    for number in order:
        decoder.feed(recorded[number])
        if len(heard) < in_order:
            heard += take_all(decoder)
        else:
            with pytest.raises(PeerError):
                decoder.next_frame()
            break
    assert heard == said[:in_order]


@EACH_REVISION
def test_a_frame_does_not_come_back_to_its_sender(revision: Revision) -> None:
    (wire,) = wires(revision, MESSAGE)
    decoder = taking(revision, client=True)
    decoder.feed(wire)
    with pytest.raises(PeerError):
        decoder.next_frame()


@EACH_REVISION
def test_a_frame_of_another_connection_is_refused(revision: Revision) -> None:
    for other in (b"\xff" + SECRET[1:], SECRET[:28] + b"\xff" + SECRET[29:]):
        (wire,) = wires(revision, MESSAGE, secret=other)
        decoder = taking(revision)
        decoder.feed(wire)
        with pytest.raises(PeerError):
            decoder.next_frame()


@EACH_REVISION
def test_a_cut_frame_is_not_delivered(revision: Revision) -> None:
    (wire,) = wires(revision, MESSAGE)
    for size in range(len(wire)):
        decoder = taking(revision)
        decoder.feed(wire[:size])
        assert decoder.next_frame() is None


@EACH_REVISION
def test_the_wire_does_not_hold_the_plaintext(revision: Revision) -> None:
    said = Frame(
        17, (b"a very secret header of forty-one bytes.." + b"secret" * 20, b"secret" * 9, b"", b"secret" * 1000)
    )
    recorded = b"".join(wires(revision, *[said] * 3))
    for segment in said.segments:
        for start in range(0, len(segment) - 8 + 1):
            assert bytes(segment[start : start + 8]) not in recorded
    assert b"secret" not in recorded


@EACH_REVISION
def test_the_same_frame_twice_looks_different(revision: Revision) -> None:
    first, second = wires(revision, MESSAGE, MESSAGE)
    blocks = [wire[start : start + 16] for wire in (first, second) for start in range(0, len(wire), 16)]
    assert len(set(blocks)) == len(blocks)


@EACH_REVISION
@given(initial=st.binary(min_size=12, max_size=12))
def test_nonces_do_not_repeat(revision: Revision, initial: bytes) -> None:
    sequence = NonceSequence(initial, revision)
    handed_out = [sequence.next() for _ in range(200)]
    assert handed_out[0] == initial
    assert len(set(handed_out)) == 200
    fixed = slice(4, 12) if revision is Revision.REV0 else slice(0, 4)
    assert {nonce[fixed] for nonce in handed_out} == {initial[fixed]}


@EACH_REVISION
@pytest.mark.parametrize("used", [0, 1, 77])
def test_the_last_nonce_is_handed_out_and_no_more(revision: Revision, used: int) -> None:
    initial = b"\xff" * 12
    sequence = NonceSequence(initial, revision)
    first = [sequence.next() for _ in range(used)]
    # Nobody can count to 2^32 in a test, so the sequence is told that it has come round.
    sequence._used = 2 ** BITS[revision] - 2
    last = [sequence.next(), sequence.next()]
    assert not set(last) & {*first, initial}
    for _ in range(2):
        with pytest.raises(NoncesExhausted, match=r"FRAME-11"):
            sequence.next()


@EACH_REVISION
def test_a_connection_ends_before_a_nonce_repeats(revision: Revision) -> None:
    sender = secure_mode(revision, SECRET, client=True)
    receiver = taking(revision)
    for mode, name in ((sender, "_send"), (receiver.mode, "_receive")):
        sequence = getattr(mode, name)
        sequence._used = sequence._wrap - 1
        sequence._first += 1
    wire = b"".join(bytes(piece) for piece in sender.seal(Frame(20, (b"last",))))
    receiver.feed(wire)
    assert receiver.next_frame() == Frame(20, (b"last",))
    with pytest.raises(ConnectionLost):
        sender.seal(Frame(20, (b"beyond",)))
    receiver.feed(wire)
    with pytest.raises(NoncesExhausted):
        receiver.next_frame()


@EACH_REVISION
@pytest.mark.parametrize("size", [0, 16, 39])
def test_a_short_secret_makes_no_mode(revision: Revision, size: int) -> None:
    with pytest.raises(AuthError, match=rf"{size} bytes, 40 are needed \[FRAME-13\]"):
        secure_mode(revision, SECRET[:size], client=True)


def test_keys_stay_out_of_reprs() -> None:
    keys = SecureKeys.of_secret(SECRET)
    mode = secure_mode(Revision.REV0, SECRET, client=False)
    decoder = FrameDecoder(mode, GENEROUS, admit_all)
    head = mode.open_head(wires(Revision.REV0, MESSAGE)[0][:32])
    for shown in map(repr, (keys, mode, decoder, head, NonceSequence(keys.client_nonce, Revision.REV1))):
        for secret in (keys.key, keys.server_nonce, keys.client_nonce):
            assert repr(secret)[2:-1] not in shown
            assert secret.hex() not in shown


def test_what_comes_with_a_head_stays_out_of_its_repr() -> None:
    head = secure_mode(Revision.REV1, SECRET, client=False).open_head(wires(Revision.REV1, MESSAGE)[0][:96])
    assert head.inline
    assert repr(head.inline)[2:-1] not in repr(head)
