"""The names of events in log records, by which programs know them: they stay what they are."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import msgr

EVENTS: Final = {
    "go-on": "a listener accepts again after a pause; of a pause that is over it is `pause-over`",
    "gone": "a connection ended before anybody could serve it",
    "keylog": "the secrets of connections are written to a file",
    "no-monitor": "no monitor lets a client in",
    "no-session": "a handshake of somebody who dialled us failed; that a session came after it is `no-session-over`",
    "node-refused": "one end did not let the other's node in; that a session came after it is `node-refused-over`",
    "not-connected": "a handshake of ours failed",
    "pause": "a listener cannot accept for the moment",
}


def told() -> set[str]:
    """Return the events that the sources tell of."""
    found = set()
    for path in Path(msgr.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="tell", value=value), args=[level, ast.Constant(value=str(event)), *_]
                ) if "log" in ast.unparse(value) or "logging" in ast.unparse(level):
                    found.add(event)
    return found


def test_events_keep_their_names() -> None:
    """Demand 32: who adds one says here what it means, and nobody renames one."""
    assert told() == set(EVENTS)
