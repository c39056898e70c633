"""Vectors against what others have published, each number as it is printed there."""

from __future__ import annotations

from typing import Final

import pytest

from msgr.vectors import Vector
from tests.vector_files import load

RFC_3720: Final = {
    "rfc3720-zeros": (bytes(32), "aa36918a"),
    "rfc3720-ones": (b"\xff" * 32, "43aba862"),
    "rfc3720-up": (bytes(range(32)), "4e79dd46"),
    "rfc3720-down": (bytes(range(31, -1, -1)), "5cdb3f11"),
}
"""Section B.4: the data, and the four bytes of the CRC32C as they go over the wire."""

RFC_8009: Final = {
    "cipher-rfc8009-a-0": ("F764E9FA15C276478B2C7D0C4E5F58E4", "41F53FA5BFE7026D91FAF9BE959195A0", "58707273A96A40F0"),
    "cipher-rfc8009-a-6": ("B80D3251C1F6471494256FFE712D0B9A", "4ED7B37C2BCAC8F74F23C1CF07E62BC7", "F559C7F664F69EAB"),
    "cipher-rfc8009-a-16": ("53BF8A0D105265D4E276428624CE5E63", "BC47FFEC7998EB91E8115CF8D19DAC4B", "8CF51F14D798C227"),
    "cipher-rfc8009-a-21": ("763E65367E864F02F55153C7E3B58AF1", "40013E2DF58E8751957D2878BCD2D6FE", "FEF6ECB647D6295F"),
}
"""Appendix A, aes256-cts-hmac-sha384-192 with its key and usage 2: confounder, and how ciphertext and HMAC begin."""


def found(topic: str, ident: str) -> Vector:
    (vector,) = (vector for vector in load(topic) if vector.id == ident)
    return vector


@pytest.mark.parametrize("ident", RFC_3720)
def test_rfc_3720(ident: str) -> None:
    data, printed = RFC_3720[ident]
    vector = found("checksum", ident)
    # Theirs is inverted at the end, and the register of msgr2 is not.
    ordinary = vector["checksum"] ^ 0xFFFFFFFF
    assert (vector.wire, vector["seed"], ordinary.to_bytes(4, "little").hex()) == (data, 0xFFFFFFFF, printed)


@pytest.mark.parametrize("ident", RFC_8009)
def test_rfc_8009(ident: str) -> None:
    confounder, ciphertext, checksum = RFC_8009[ident]
    vector = found("cephx", ident)
    assert vector["key"][24:].upper() == "6D404D37FAF79F9DF0D33568D320669800EB4836472EA8A026D16B7182460C52"
    assert (vector["usage"], vector["confounder"].upper()) == (2, confounder)
    assert vector.octets("plaintext") == bytes(range(int(ident.rpartition("-")[2])))
    sealed = vector["ciphertext"].upper()
    assert sealed.startswith(ciphertext)
    assert sealed[-48:].startswith(checksum)


def test_there_are_no_others() -> None:
    assert {vector.id for vector in load("checksum") if "Rfc3720" in vector.flags} == set(RFC_3720)
    assert {vector.id for vector in load("cephx") if "Rfc8009" in vector.flags} == set(RFC_8009)
