"""The page `spec/interop.md`: what a whole run of these tests saw work with a real Ceph, and why the rest is not there.

MSGR_REQUIRE_CEPH=1 python -m pytest tests/interop      runs them all, and leaves what it saw in pytest's cache
python -m tests.interop.matrix [--write]                prints the page that follows from it, or writes it
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ..lab import RELEASES
from ..spec.table import table
from .matrix_words import INTRODUCTION, NEVER, NOT_TESTED, TITLES
from .sightings import PROGRAM, Sighting

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "spec" / "interop.md"
CACHE: Final = "msgr/interop"
"""The key in pytest's cache."""
_CACHED: Final = ROOT / ".pytest_cache" / "v" / CACHE

Facts: TypeAlias = Mapping[str, object]
"""What a sighting has to say, by the names of its fields."""

YES: Final = "yes"
UNSEEN: Final = "not seen"
"""What has no business in the page: a cell that the run did not fill, and that nobody gave a reason for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row or a column: what stands at its head, and what it is about."""

    head: tuple[str, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Grid:
    """One table of the page."""

    key: str
    heads: tuple[str, ...]
    rows: Sequence[Line]
    columns: Sequence[Line]
    facts: Facts = field(default_factory=dict)
    """What all of it is about."""

    def text(self, sightings: Collection[Sighting]) -> str:
        """Return the table as these sightings fill it."""
        header = [*self.heads, *(column.head[0] for column in self.columns)]
        return table(header, [[*row.head, *self._cells(row, sightings)] for row in self.rows])

    def _cells(self, row: Line, sightings: Collection[Sighting]) -> Iterator[str]:
        for column in self.columns:
            facts = {**self.facts, **row.facts, **column.facts}
            yield YES if any(_says(seen, facts) for seen in sightings) else _reason({"table": self.key, **facts})


def _says(seen: Sighting, facts: Facts) -> bool:
    return all(getattr(seen, name) == value for name, value in facts.items())


def _reason(facts: Facts) -> str:
    for number, note in enumerate(NEVER, 1):
        if all(facts.get(name) == value for name, value in note.facts.items()):
            return f"{note.word} ({number})"
    return UNSEEN


_PROOFS: Final = {
    "key": "cephx, its key",
    "ticket": "cephx, a ticket",
    "mon.": "cephx, the key of `mon.`",
    "none": "none",
}
_DAEMONS: Final = {"mon": "key", "mgr": "ticket", "osd": "ticket"}
"""Which daemon takes what of a client."""
_MODES: Final = tuple(
    Line((f"{mode}, {revision}",), {"mode": mode, "revision": revision})
    for mode in ("crc", "secure")
    for revision in ("2.0", "2.1")
)


def _daemons(end: str) -> tuple[Line, ...]:
    """Return a row for each daemon, at one end of the connection, with each release and method."""
    return tuple(
        Line((daemon, release, _PROOFS[auth]), {end: daemon, "release": release, "auth": auth})
        for daemon, proof in _DAEMONS.items()
        for release in RELEASES
        for auth in (proof, "none")
    )


def _rows(*auths: str, **ways: Facts) -> tuple[Line, ...]:
    """Return a row for each way, with each release and method."""
    return tuple(
        Line((way.replace("_", " "), release, _PROOFS[auth]), {"release": release, "auth": auth, **facts})
        for way, facts in ways.items()
        for release in RELEASES
        for auth in auths
    )


_TO_THEIRS: Final[Facts] = {"peer": PROGRAM, "dialled": True}
_TO_OURS: Final[Facts] = {"peer": PROGRAM, "dialled": False}
_AN_OSD: Final[Facts] = {"peer": "osd", "ours": "osd"}

GRIDS: Final = (
    Grid("client", ("daemon", "release", "proof"), _daemons("peer"), _MODES, {"ours": "client", "dialled": True}),
    Grid("server", ("we are", "release", "proof"), _daemons("ours"), _MODES, {"peer": "client", "dialled": False}),
    Grid(
        "monitor",
        ("the session", "release", "proof"),
        _rows(
            "mon.",
            "none",
            we_dial={"dialled": True},
            it_dials={"dialled": False},
            goes_on_after_a_cut={"resumed": True},
        ),
        _MODES,
        {"peer": "mon", "ours": "mon", "lossy": False},
    ),
    Grid(
        "osd",
        ("the session", "release", "proof"),
        _rows("ticket", "none", we_dial={"dialled": True}, it_dials={"dialled": False}),
        _MODES,
        {**_AN_OSD, "lossy": False},
    ),
    Grid(
        "programs",
        ("who asks",),
        (Line(("our client, their server",), _TO_THEIRS), Line(("their client, our server",), _TO_OURS)),
        (
            Line(("questions and answers",), {"resumed": False}),
            Line(("goes on after a cut",), {"resumed": True}),
        ),
        {"release": "18.2", "auth": "none", "mode": "crc", "revision": "2.1"},
    ),
    Grid(
        "compression",
        ("algorithm",),
        tuple(Line((name,), {"compression": name}) for name in ("snappy", "zlib", "zstd", "lz4", "brotli")),
        (
            *(Line((f"OSD, {line.head[0]}",), {**line.facts, **_AN_OSD}) for line in _MODES),
            Line(("their server, crc, 2.1",), _TO_THEIRS),
            Line(("their client, crc, 2.1",), _TO_OURS),
        ),
        {"release": "18.2"},
    ),
)


def rendered(sightings: Collection[Sighting]) -> str:
    """Return the page as these sightings make it."""
    parts = [INTRODUCTION]
    parts += [f"## {TITLES[grid.key][0]}\n\n{TITLES[grid.key][1]}\n\n{grid.text(sightings)}" for grid in GRIDS]
    notes = "\n".join(f"{number}. {note.text}" for number, note in enumerate(NEVER, 1))
    parts += [f"## Why a cell is empty\n\n{notes}\n", NOT_TESTED]
    return "\n".join(parts)


def main() -> None:
    """Print the page that follows from the last whole run, or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.matrix", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write spec/interop.md")
    options = parser.parse_args()
    if not _CACHED.is_file():
        parser.error("no whole run has left what it saw: MSGR_REQUIRE_CEPH=1 python -m pytest tests/interop")
    text = rendered({Sighting(**each) for each in json.loads(_CACHED.read_text("utf-8"))})
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
