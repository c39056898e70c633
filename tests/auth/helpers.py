"""Fixed dice, vectors, and a client and a server that talk without a wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args

import pytest

from msgr import errors
from msgr.auth import (
    CephxClient,
    CephxServer,
    ClientMethod,
    CryptoKey,
    Denied,
    Dice,
    Done,
    GlobalIds,
    Keyring,
    Keys,
    KeyType,
    More,
    RotatingSecrets,
    ServerMethod,
)
from msgr.frame import Mode
from msgr.wire import EntityName

Vector: TypeAlias = dict[str, Any]

VECTORS: Final = Path(__file__).resolve().parents[2] / "vectors"
NOW: Final = 1_700_000_000.25
BOTH: Final = [KeyType.AES, KeyType.AES256K]
MODES: Final = [Mode.CRC, Mode.SECURE]
ADMIN: Final = EntityName.parse("client.admin")
OTHER: Final = EntityName.parse("client.other")


def vectors(topic: str, *kinds: str, result: str | None = None) -> list[Any]:
    """Return the vectors of these kinds as parameters."""
    found = json.loads((VECTORS / f"{topic}.json").read_text("utf-8"))["vectors"]
    chosen = [v for v in found if v["kind"] in kinds and result in (None, v["result"])]
    return [pytest.param(vector, id=vector["id"]) for vector in chosen]


def error_of(vector: Vector) -> type[Exception]:
    """Return the exception that an invalid vector names."""
    error: type[Exception] = getattr(errors, vector["error"])
    return error


def dice_of(seed: str) -> Dice:
    """Return dice that show the same on every run."""

    def stream() -> Iterator[int]:
        block = seed.encode()
        while True:
            block = sha256(block).digest()
            yield from block

    source = stream()
    return lambda size: bytes(next(source) for _ in range(size))


def loaded_dice(shown: bytes) -> Dice:
    """Return dice that show these bytes, and no more."""
    left = bytearray(shown)

    def throw(size: int) -> bytes:
        assert size <= len(left), "more dice are thrown than the vector has"
        thrown = bytes(left[:size])
        del left[:size]
        return thrown

    return throw


def key_of(kind: KeyType = KeyType.AES256K, seed: str = "key") -> CryptoKey:
    return CryptoKey.generate(dice_of(f"{seed}-{kind}"), NOW, kind)


class Office:
    """A server with two clients in its keyring, and the state that outlives a connection."""

    def __init__(
        self,
        kind: KeyType = KeyType.AES256K,
        sealing: KeyType = KeyType.AES256K,
        sealing_seed: str = "secrets",
        **options: Any,
    ) -> None:
        self.key = key_of(kind)
        self.keyring = Keyring()
        self.keyring.add(ADMIN, self.key, {"mon": "allow *", "osd": "allow rwx"})
        self.keyring.add(OTHER, key_of(kind, "other"), {"mon": "allow r"})
        self.secrets = RotatingSecrets(dice_of(sealing_seed), key_type=sealing)
        self.global_ids = GlobalIds()
        self.dice = dice_of("server")
        self.server = CephxServer(self.keyring, secrets=self.secrets, global_ids=self.global_ids, **options)

    def client(self, needed: int = 0x20, name: EntityName = ADMIN) -> CephxClient:
        return CephxClient(name, self.keyring.get(name).key, needed)


Tamper: TypeAlias = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    return data


def talk(
    office: Office,
    client: CephxClient,
    mode: Mode = Mode.SECURE,
    *,
    now: float = NOW,
    seed: str = "client",
    request: Tamper = same,
    proof: Tamper = same,
    done: Tamper = same,
) -> tuple[Done, Keys] | Denied:
    """Let both ends talk; the tampers change what goes over the wire."""
    ours, theirs = client.converse(dice_of(seed), now=now), office.server.converse(office.dice, now=now)
    verdict = theirs.begin(request(ours.begin()), mode=mode)
    if isinstance(verdict, Denied):
        return verdict
    assert isinstance(verdict, More)
    verdict = theirs.more(proof(ours.more(verdict.payload)))
    if isinstance(verdict, Denied):
        return verdict
    assert isinstance(verdict, Done)
    keys = ours.done(done(verdict.payload), global_id=verdict.identity.global_id, mode=mode)
    return verdict, keys


def agree(outcome: tuple[Done, Keys] | Denied) -> Done:
    """Return AUTH_DONE of a talk that must have succeeded with the same keys at both ends."""
    assert isinstance(outcome, tuple), outcome
    done, keys = outcome
    assert keys == done.keys
    return done


def refused(outcome: tuple[Done, Keys] | Denied) -> tuple[int, str]:
    """Return the result and the rule of a talk that must have been denied."""
    assert isinstance(outcome, Denied), outcome
    return int(outcome.result), outcome.reason.rpartition("[")[2].rstrip("]")


def flipped(data: bytes, bit: int) -> bytes:
    """Return `data` with one bit the other way."""
    spoilt = bytearray(data)
    spoilt[bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)


def flip(bit: int) -> Tamper:
    return lambda data: flipped(data, bit)


Step: TypeAlias = Literal["first", "challenge", "second", "done"]
"""What is said in a visit, in this order."""


def visit(
    ours: ClientMethod,
    theirs: ServerMethod,
    mode: Mode = Mode.SECURE,
    *,
    now: float = NOW,
    seed: str = "visit",
    tampers: Mapping[Step, Tamper] = MappingProxyType({}),
) -> tuple[Done, Keys] | Denied:
    """Let a client show its ticket to a service; the tampers change what goes over the wire."""
    first, challenge, second, done = (tampers.get(step, same) for step in get_args(Step))
    client, server = ours.converse(dice_of(seed), now=now), theirs.converse(dice_of(f"{seed} service"), now=now)
    verdict = server.begin(first(client.begin()), mode=mode)
    if isinstance(verdict, Denied):
        return verdict
    assert isinstance(verdict, More)
    verdict = server.more(second(client.more(challenge(verdict.payload))))
    if isinstance(verdict, Denied):
        return verdict
    assert isinstance(verdict, Done)
    keys = client.done(done(verdict.payload), global_id=verdict.identity.global_id, mode=mode)
    return verdict, keys
