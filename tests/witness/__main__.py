"""Writes `vectors/`."""

from __future__ import annotations

import json
from pathlib import Path

from . import authorizers, compressed, frames, mon, payloads, renewals, secure, values
from .topic import Topic

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


def topics() -> list[Topic]:
    every = (values, payloads, frames, secure, compressed, authorizers, renewals, mon)
    return [topic for module in every for topic in module.topics()]


def text(topic: Topic) -> str:
    """The file of a topic: one vector a line, so that a change shows as the vector it is."""
    head = json.dumps({key: topic[key] for key in ("topic", "about")}, indent=2).removesuffix("\n}")
    lines = ",\n".join("    " + json.dumps(vector, ensure_ascii=False) for vector in topic["vectors"])
    return f'{head},\n  "vectors": [\n{lines}\n  ]\n}}\n'


def write() -> None:
    for topic in topics():
        (VECTORS / f"{topic['topic']}.json").write_text(text(topic), encoding="utf-8")


if __name__ == "__main__":
    write()
