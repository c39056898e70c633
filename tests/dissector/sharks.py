"""tshark: this machine's, and that of the next Debian, which is in the tree that `tests/lab/tree.sh` makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.lab import Release, find_release

Tree: TypeAlias = "list[tuple[str, str | Tree]]"
"""What tshark shows of something: names and values in order, names as often as they come."""

_LIMIT: Final = 60.0
_OURS: Final = "msgr2 or _ws.lua.error"
# Wireshark 4.4 takes no plug-in from the command line where it runs as root.
_NOBODY: Final = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


@dataclass(frozen=True, slots=True)
class Shark:
    """One tshark."""

    name: str
    release: Release

    def run(self, *arguments: str, plugin: Path, keys: Path | None = None) -> str:
        """Run it with the plug-in; returns what it prints. Whatever Lua complains about fails the test."""
        options = ["-n", "-o", "tcp.try_heuristic_first:TRUE", "-X", f"lua_script:{plugin}"]
        options += [] if keys is None else ["-o", f"msgr2.keylog:{keys}"]
        shown = self._run("/nonexistent", *options, *arguments)
        assert "Lua Error" not in shown, shown[shown.index("Lua Error") :][:500]
        return shown

    def report(self, name: str, *, home: Path) -> str:
        """Return what it tells of itself, for somebody who has the plug-in among the others."""
        return self._run(str(home), "-G", name)

    def _run(self, home: str, *arguments: str) -> str:
        nobody = _NOBODY if os.geteuid() == 0 else ()
        done = subprocess.run(
            self.release.command([*nobody, "env", f"HOME={home}", "tshark", *arguments]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def frames(self, capture: Path, *options: str, plugin: Path, keys: Path | None = None) -> list[Shown]:
        """Return what it shows of banners and frames of msgr2, in order."""
        shown = self.run(*options, "-r", str(capture), "-T", "json", "-Y", _OURS, plugin=plugin, keys=keys)
        found = []
        for packet in json.loads(shown, object_pairs_hook=list):
            layers = dict(dict(packet)["_source"])["layers"]
            ports = dict(next(dict_of for name, dict_of in layers if name == "tcp"))
            number = int(dict(next(fields for name, fields in layers if name == "frame"))["frame.number"])
            source, target = int(ports["tcp.srcport"]), int(ports["tcp.dstport"])
            found += [Shown(number, source, target, fields) for name, fields in layers if name == "msgr2"]
        return found

    def missing(self) -> str | None:
        """Return why it cannot be run, if that is so."""
        return _missing(self)


@dataclass(frozen=True, slots=True)
class Shown:
    """A banner or a frame, or bytes that are neither, in the packet in which it ends."""

    packet: int
    source: int
    target: int
    fields: Tree

    def all(self, name: str) -> list[str]:
        """Return the values of a field, wherever it stands."""
        return [value for value in _walk(self.fields, f"msgr2.{name}") if isinstance(value, str)]

    def one(self, name: str) -> str:
        """Return the value of a field that is there once."""
        (value,) = self.all(name)
        return value

    def number(self, name: str) -> int:
        """Return the number that a field has that is there once."""
        return as_number(self.one(name))

    def has(self, name: str) -> bool:
        """Whether it has a field, with or without a value."""
        return any(True for _ in _walk(self.fields, f"msgr2.{name}"))

    @property
    def is_frame(self) -> bool:
        """Whether it is a frame that could be cut."""
        return self.has("size")

    @property
    def experts(self) -> set[str]:
        """What tshark's experts say of it."""
        found: set[str] = set()
        _names(self.fields, "msgr2.expert.", found)
        return found


SHARKS: Final = (Shark("4.0", find_release("16.2")), Shark("4.4", find_release("18.2")))


def as_number(written: str) -> int:
    """Return a number as tshark writes it: booleans too."""
    return {"True": 1, "False": 0, "true": 1, "false": 0}.get(written) or int(written, 0)


@contextmanager
def shelf() -> Iterator[Path]:
    """Yield a directory that everybody may read, and which is seen in the tree too."""
    with tempfile.TemporaryDirectory(prefix="msgr-shark-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def written(path: Path, content: bytes | str) -> Path:
    """Write a file that everybody may read."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o644)
    return path


@cache
def _missing(shark: Shark) -> str | None:
    release = shark.release
    if release.tree is None and shutil.which("tshark") is None:
        return "tshark is not installed"
    if release.tree is not None and not (release.tree / "usr/bin/tshark").exists():
        return f"no tshark {shark.name} in the tree of Ceph {release.name}"
    done = subprocess.run(release.command(["tshark", "--version"]), capture_output=True, text=True, check=False)
    if not done.stdout.startswith("TShark (Wireshark) "):
        return f"tshark {shark.name} does not run: {done.stderr.strip()}"
    return None


def _walk(fields: Tree | Sequence[Any], wanted: str) -> Iterator[str | Tree]:
    for name, value in fields:
        if name == wanted:
            yield value
        if isinstance(value, list):
            yield from _walk(value, wanted)


def _names(fields: Tree, prefix: str, found: set[str]) -> None:
    for name, value in fields:
        if name.startswith(prefix):
            found.add(name.removeprefix(prefix))
        if isinstance(value, list):
            _names(value, prefix, found)
