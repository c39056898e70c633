"""cephx and keys against their vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from msgr.auth import CephxClient, CryptoKey, KeyType
from msgr.auth.cephx import structs
from msgr.auth.cephx.crypto import Usage, decrypt, derive, encrypt
from msgr.auth.cephx.envelope import open_envelope, seal
from msgr.auth.cephx.proof import prove
from msgr.auth.request import Request
from msgr.errors import KeyringError
from msgr.frame import Mode
from msgr.wire import EntityName, EntityType, Record

from .helpers import NOW, Vector, error_of, loaded_dice, plain, vectors

LAYOUTS: Final[Mapping[str, type[Record]]] = {
    "Request": Request,
    "ServerChallenge": structs.ServerChallenge,
    "Authenticate": structs.Authenticate,
    "TicketInfo": structs.TicketInfo,
}


def key(vector: Vector) -> CryptoKey:
    return CryptoKey.decode(bytes.fromhex(vector["key"]))


@pytest.mark.parametrize("vector", vectors("cephx", "proof"))
def test_proof(vector: Vector) -> None:
    server, client = int(vector["server_challenge"]), int(vector["client_challenge"])
    assert prove(key(vector), server_challenge=server, client_challenge=client) == int(vector["proof"])


@pytest.mark.parametrize("vector", vectors("cephx", "cipher", result="valid"))
def test_cipher(vector: Vector) -> None:
    plaintext, ciphertext = bytes.fromhex(vector["plaintext"]), bytes.fromhex(vector["ciphertext"])
    dice = loaded_dice(bytes.fromhex(vector["confounder"]))
    assert encrypt(key(vector), vector["usage"], plaintext, dice) == ciphertext
    assert decrypt(key(vector), vector["usage"], ciphertext) == plaintext


@pytest.mark.parametrize("vector", vectors("cephx", "cipher", result="invalid"))
def test_cipher_refused(vector: Vector) -> None:
    with pytest.raises(error_of(vector)) as caught:
        decrypt(key(vector), vector["usage"], bytes.fromhex(vector["ciphertext"]))
    assert getattr(caught.value, "rule", None) in {vector["rule"], "CEPHX-6"}


@pytest.mark.parametrize("vector", vectors("cephx", "derive"))
def test_derive(vector: Vector) -> None:
    derived = bytes.fromhex(vector["derived"])
    assert derive(bytes.fromhex(vector["secret"]), vector["usage"], vector["purpose"], len(derived)) == derived


@pytest.mark.parametrize("vector", vectors("cephx", "envelope", result="valid"))
def test_envelope(vector: Vector) -> None:
    usage, body, ciphertext = Usage(vector["usage"]), bytes.fromhex(vector["body"]), bytes.fromhex(vector["ciphertext"])
    assert seal(key(vector), usage, body, loaded_dice(bytes.fromhex(vector["confounder"]))) == ciphertext
    assert open_envelope(key(vector), usage, ciphertext) == body


@pytest.mark.parametrize("vector", vectors("cephx", "envelope", result="invalid"))
def test_envelope_refused(vector: Vector) -> None:
    with pytest.raises(error_of(vector)):
        open_envelope(key(vector), Usage(vector["usage"]), bytes.fromhex(vector["ciphertext"]))


@pytest.mark.parametrize("vector", vectors("cephx", "layout", result="valid"))
def test_layout(vector: Vector) -> None:
    wire = bytes.fromhex(vector["wire"])
    record = LAYOUTS[vector["layout"]].decode(wire)
    assert plain(record) == vector["fields"]
    assert record.encode() == wire


@pytest.mark.parametrize("vector", vectors("cephx", "layout", result="invalid"))
def test_layout_refused(vector: Vector) -> None:
    with pytest.raises(error_of(vector)) as caught:
        LAYOUTS[vector["layout"]].decode(bytes.fromhex(vector["wire"]))
    assert getattr(caught.value, "rule", None) == vector["rule"]


@pytest.mark.parametrize("vector", vectors("cephx", "client", result="valid"))
def test_client(vector: Vector) -> None:
    client = CephxClient(EntityName.parse(vector["name"]), CryptoKey.parse(vector["key"]))
    conversation = client.converse(loaded_dice(bytes.fromhex(vector["client_dice"])), now=NOW)
    assert conversation.begin().hex() == vector["request"]
    assert conversation.more(bytes.fromhex(vector["server_challenge"])).hex() == vector["authenticate"]
    global_id = vector["global_id"]
    keys = conversation.done(bytes.fromhex(vector["done"]), global_id=global_id, mode=Mode(vector["mode"]))
    assert keys.session_key.hex() == vector["session_key"]
    assert keys.connection_secret.hex() == vector["connection_secret"]
    ticket = client.tickets[EntityType.AUTH]
    assert (client.global_id, ticket.blob.secret_id) == (global_id, vector["secret_id"])
    assert ticket.expires == NOW + vector["validity"]
    assert ticket.renew_after == NOW + vector["validity"] * 3 / 4
    if "session_key_created" in vector:
        assert plain(ticket.session_key.created) == vector["session_key_created"]


@pytest.mark.parametrize("vector", vectors("cephx", "client", result="invalid"))
def test_client_refuses(vector: Vector) -> None:
    client = CephxClient(EntityName.parse(vector["name"]), CryptoKey.parse(vector["key"]))
    conversation = client.converse(loaded_dice(bytes.fromhex(vector["client_dice"])), now=NOW)
    conversation.begin()

    def finish() -> None:
        answer = conversation.more(bytes.fromhex(vector["server_challenge"]))
        assert vector["authenticate"] in (None, answer.hex())
        global_id = vector["global_id"]
        conversation.done(bytes.fromhex(vector["done"]), global_id=global_id, mode=Mode(vector["mode"]))

    with pytest.raises(error_of(vector)) as caught:
        finish()
    assert getattr(caught.value, "rule", None) == vector["rule"]
    assert not client.tickets
    assert client.global_id == 0


@pytest.mark.parametrize("vector", vectors("keyring", "key", result="valid"))
def test_key(vector: Vector) -> None:
    found = CryptoKey.parse(vector["text"])
    assert plain(found) == vector["fields"]
    assert CryptoKey.decode(bytes.fromhex(vector["wire"])) == found
    if "NotSent" not in vector["flags"]:
        assert (found.to_text(), found.encode().hex()) == (vector["text"], vector["wire"])


@pytest.mark.parametrize("vector", vectors("keyring", "key", result="invalid"))
def test_key_refused(vector: Vector) -> None:
    if "wire" in vector:
        with pytest.raises(error_of(vector)) as caught:
            CryptoKey.decode(bytes.fromhex(vector["wire"]))
        assert getattr(caught.value, "rule", None) == vector["rule"]
    with pytest.raises(KeyringError):
        CryptoKey.parse(vector["text"])


def test_a_key_type_is_a_name_where_it_has_one() -> None:
    assert KeyType.AES < KeyType.AES256K
    assert CryptoKey.none().is_empty
