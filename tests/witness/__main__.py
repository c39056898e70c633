"""Writes `vectors/`."""

from __future__ import annotations

import json
from pathlib import Path

from . import (
    authorizers,
    cephx,
    compressed,
    frames,
    keyrings,
    mon,
    overheard_sessions,
    payloads,
    renewals,
    secure,
    signatures,
    transcripts,
    values,
)
from .sources import source
from .topic import Topic

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
MODULES = (
    *(values, payloads, frames, secure, compressed, signatures, keyrings, cephx, authorizers, renewals, mon),
    *(transcripts, overheard_sessions),
)


def topics() -> list[Topic]:
    return [
        topic | {"source": source(topic["topic"], module.__name__.rpartition(".")[2])}
        for module in MODULES
        for topic in module.topics()
    ]


def text(topic: Topic) -> str:
    """The file of a topic: one vector a line, so that a change shows as the vector it is."""
    head = json.dumps({key: topic[key] for key in ("topic", "about", "source")}, indent=2).removesuffix("\n}")
    lines = ",\n".join("    " + json.dumps(vector, ensure_ascii=False) for vector in topic["vectors"])
    return f'{head},\n  "vectors": [\n{lines}\n  ]\n}}\n'


def write() -> None:
    for topic in topics():
        (VECTORS / f"{topic['topic']}.json").write_text(text(topic), encoding="utf-8")


if __name__ == "__main__":
    write()
