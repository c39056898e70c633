"""`msgr vectors`: the test vectors that come with the package, and whether this implementation agrees with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from ..capture.words import counted
from ..vectors import Outcome, VectorFile, load, select, verify_all
from .options import JsonOption
from .report import FAILED, Report

vectors: Final = typer.Typer(
    help="Test vectors of the protocol, for peers in any language.\n\n"
    "They are JSON files, and README.md beside them says how to read them.",
    rich_markup_mode=None,
)

_DirectoryArgument: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="[DIR]", help="Where the files are; without it, those of this package.")
]
_OnlyOption: TypeAlias = Annotated[
    str | None, typer.Option("--only", metavar="TOPIC|ID", help="The vectors of one topic, or one vector.")
]


@vectors.command()
def verify(directory: _DirectoryArgument = None, only: _OnlyOption = None, json: JsonOption = False) -> None:
    """Run vectors against this implementation.

    What it reads, it reads in one piece, byte by byte and in sevens; what it writes has to be the same bytes; and what
    is invalid it has to refuse with the error and over the rule that the vector names.
    """
    report = Report(json=json)
    outcome = verify_all(select(load(directory), only))
    for failed in outcome.failed:
        report.line(f"FAILED {failed.id}: {failed.reason}")
    report.line(_summary(outcome))
    report.document(outcome.document())
    if outcome.failed:
        raise typer.Exit(FAILED)


@vectors.command("list")
def list_(directory: _DirectoryArgument = None, only: _OnlyOption = None, json: JsonOption = False) -> None:
    """Show which vectors there are: the topics, or with --only those of one."""
    report = Report(json=json)
    files = select(load(directory), only)
    if only is None:
        for file in files:
            report.line(f"{file.topic:20}{len(file.vectors):5}  {_invalid(file):4} invalid  {_sentence(file.about)}")
    else:
        for vector in (vector for file in files for vector in file.vectors):
            flags = ", ".join(vector.flags)
            report.line(f"{vector.id:56} {vector['result']:8} {vector.rule:16} {flags}".rstrip())
    report.document({"files": [_described(file) for file in files]})


def _summary(outcome: Outcome) -> str:
    verdict = f"{len(outcome.failed)} failed" if outcome.failed else "all hold"
    return f"{counted(outcome.vectors, 'vector')} in {counted(outcome.files, 'file')}: {verdict}"


def _invalid(file: VectorFile) -> int:
    return sum(not vector.is_valid for vector in file.vectors)


def _sentence(about: str) -> str:
    return about.partition(". ")[0].rstrip(".")


def _described(file: VectorFile) -> dict[str, object]:
    shown = [
        {"id": each.id, "rule": each.rule, "flags": list(each.flags), "result": each["result"]} for each in file.vectors
    ]
    return {"topic": file.topic, "about": file.about, "source": file.source, "vectors": shown}
