"""Vectors of conversations between real daemons, as a proxy or a capture had them, taken apart by the onlooker."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .onlooker import Onlooker, described, key_of
from .topic import Topic, Vector, topic

RECORDED = Path(__file__).resolve().parents[1] / "capture" / "data"
KEYS = {"mon-16-cephx-secure": {"client.admin": "AQC/jAFrAAAAABAAPc+qKTqyWqCElmOhNMZmAw=="}}
"""Of throw-away clusters, with which the onlooker finds all secrets itself."""
SENDERS = {">": "client", "<": "server"}


def topics() -> list[Topic]:
    about = (
        "Conversations of real daemons of Ceph 16.2.15, recorded. `keys` are the clients', where they are known; "
        "`steps` are the bytes of one direction (`wire`) in the order in which they were seen, and the same opened "
        "(`frames`). Nobody has to say exactly this, but everybody has to understand it."
    )
    return [topic("overheard", about, vectors())]


def vectors() -> Iterator[Vector]:
    for path in sorted(RECORDED.glob("*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        keys = KEYS.get(name, {})
        rule = "AUTH-23" if keys else "SESSION-RECONNECT-9" if "reconnect" in name else "AUTH-24"
        vector = {"id": f"overheard-{name}", "rule": rule, "flags": ["Captured"], "result": "valid", "keys": keys}
        yield vector | {"connections": list(connections(path, keys))}


def connections(path: Path, keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        passed = [each for each in map(json.loads, lines) if "hex" in each]
    for number in dict.fromkeys(each["c"] for each in passed):
        look = Onlooker({name: key_of(text) for name, text in keys.items()})
        steps = list(steps_of(look, [each for each in passed if each["c"] == number]))
        session_key = look.session_key.secret.hex() if look.session_key else ""
        yield {"session_key": session_key, "connection_secret": look.connection_secret.hex(), "steps": steps}


def steps_of(look: Onlooker, passed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was said, in whole frames."""
    for each in passed:
        sender = SENDERS[each["d"]]
        frames = look.read(sender, bytes.fromhex(each["hex"]))
        if frames:
            wire = b"".join(frame.raw for frame in frames)
            yield {"from": sender, "wire": wire.hex(), "frames": [described(frame) for frame in frames]}
