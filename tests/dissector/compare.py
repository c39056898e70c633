"""What tshark shows of a capture, held against what `msgr decode --json` says, frame by frame and field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgr.capture import KeyLog, decode_file
from msgr.dissector import tables
from msgr.dissector.tables import NAMED
from msgr.frame import tag_name

from .sharks import Shown, as_number

_TABLES: Final = tables()
_NAMES: Final = _TABLES["names"]
_WRONG: Final = {"checksum.bad", "seal.bad", "malformed", "aborted"}


def decoded(path: Path, keys: Path | None = None) -> list[dict[str, Any]]:
    """Return the connections of a capture, as the JSON document has them."""
    document = decode_file(path, None if keys is None else KeyLog.load(keys)).document()
    found: list[dict[str, Any]] = json.loads(json.dumps(document))["connections"]
    return found


def agree(connection: Mapping[str, Any], shown: list[Shown]) -> int:
    """Assert that both saw the same frames in each direction; returns how many."""
    ports = {side: int(connection[side].rpartition(":")[2]) for side in ("client", "server")}
    count = 0
    for side, other in (("client", "server"), ("server", "client")):
        ours = [frame for frame in connection["frames"] if frame["from"] == side]
        theirs = [each for each in shown if each.is_frame and (each.source, each.target) == (ports[side], ports[other])]
        assert [frame["tag"] for frame in ours] == [tag_name(each.number("tag")) for each in theirs]
        for frame, each in zip(ours, theirs, strict=True):
            same(frame, each)
            assert each.all("from") in ([], [side])  # nothing tells before the first AUTH_REQUEST
            assert each.one("revision") == connection["revision"]
        count += len(ours)
    return count


def same(frame: Mapping[str, Any], shown: Shown) -> None:
    """Assert that a frame was seen the same way."""
    assert [as_number(length) for length in shown.all("preamble.length")] == frame["segments"]
    assert as_number(shown.one("preamble.checksum.status")) == 1
    assert bool(shown.experts & _WRONG) is (frame["error"] is not None), (frame, shown.experts)
    fields = frame["message"] if frame["message"] is not None else frame["payload"]
    if fields is None:
        return
    path = frame["tag"].lower()
    known = {name for name in fields if name not in ("compressed", "undecoded_bytes")} | {"request"}
    assert _names(shown, path) <= known
    for name, value in fields.items():
        assert _value(shown, path, name, value) == value, (frame, name)


def _names(shown: Shown, path: str) -> set[str]:
    found = (name.removesuffix("_tree") for name, _ in shown.fields)
    return {name.split(".")[2] for name in found if name.startswith(f"msgr2.{path}.")}


def _value(shown: Shown, path: str, name: str, value: Any) -> Any:
    """Return what tshark has for a field, in the words of the decoder."""
    at = f"{path}.{name}"
    if name == "compressed":
        return _NAMES["algorithm"][shown.number("compression")]
    if name == "undecoded_bytes":
        return _size(shown.one("undecoded"))
    if path == "message" and name == "name":
        return _NAMES["message"].get(shown.number("message.type"))
    if path in ("message", "message_part") and name in ("front", "middle", "data"):
        return shown.number(f"{at}.length")
    if isinstance(value, list):
        assert [as_number(count) for count in shown.all(f"{at}.count")] in ([], [len(value)])  # one may come without
        return [_plain(name, each) for each in shown.all(at)]
    if isinstance(value, dict) and "seconds" in value:
        return {part: shown.number(f"{at}.{part}") for part in ("seconds", "nanoseconds")}
    if isinstance(value, dict) and "length" not in value:
        return {inner: _value(shown, at, inner, each) for inner, each in value.items()}
    if isinstance(value, dict):
        return {"length": shown.number(f"{at}.length") if shown.has(f"{at}.length") else _size(shown.one(at))}
    return _plain(name, shown.one(at), as_is=isinstance(value, str))


def _plain(name: str, written: str, *, as_is: bool = True) -> Any:
    if name in NAMED:
        number = as_number(written)
        return _NAMES[NAMED[name]].get(number, f"type-{number}" if name == "entity_type" else number)
    return written if as_is else as_number(written)


def _size(written: str) -> int:
    return len(bytes.fromhex(written.replace(":", "")))
