"""The vectors of cephx itself, by the second witness: what msgr must compute, computed without it."""

from __future__ import annotations

import pytest

from tests.vector_files import Vector, load
from tests.witness.sealing import CONFOUNDER, HEAD, Key

SEALED = [vector for vector in load("cephx") if vector["result"] == "valid" and "confounder" in vector.fields]
PROVED = [vector for vector in load("cephx") if vector["kind"] == "proof"]
OURS = [vector for vector in SEALED if vector["confounder"] in ("", CONFOUNDER.hex())]


def key_of(vector: Vector) -> Key:
    wire = vector.octets("key")
    return Key(wire[0], wire[12:])


@pytest.mark.parametrize("vector", OURS, ids=[vector.id for vector in OURS])
def test_sealed(vector: Vector) -> None:
    plaintext = HEAD + vector.octets("body") if vector["kind"] == "envelope" else vector.octets("plaintext")
    assert key_of(vector).encrypt(vector["usage"], plaintext).hex() == vector["ciphertext"]


@pytest.mark.parametrize("vector", PROVED, ids=[vector.id for vector in PROVED])
def test_proved(vector: Vector) -> None:
    proof = key_of(vector).prove(int(vector["server_challenge"]), int(vector["client_challenge"]))
    assert str(proof) == vector["proof"]


def test_few_are_left_out() -> None:
    assert len(OURS) >= 20
    assert len(SEALED) - len(OURS) <= 1  # RFC 8009's own example throws other dice
