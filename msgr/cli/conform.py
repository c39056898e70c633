"""`msgr conform`: does a peer keep the rules?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import anyio
import typer

from ..auth import Keyring
from ..capture.words import counted
from ..conformance import (
    Judgement,
    Result,
    Role,
    Settings,
    Verdict,
    all_cases,
    case_document,
    choose,
    deviations_of,
    html_page,
    judge_client,
    judge_server,
    judgement_document,
    junit,
    shipped,
)
from ..errors import ConfigError
from .options import JsonOption, KeyringOption
from .report import FAILED, FINE, Failure, Report, write_file

conform: Final = typer.Typer(
    help="Judge whether a peer keeps the rules of the protocol, case by case.\n\n"
    "Exit codes: 0 it conforms, 1 a MUST failed or an exception is stale, 2 usage, 3 no peer.",
    rich_markup_mode=None,
    no_args_is_help=False,
)

_AddressArgument: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="v2:HOST:PORT", help="Where it is; not needed for --list.")
]
_RulesArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RULE]...", help="Only these: a rule (FRAME-5), a beginning of one (FRAME), a topic, a case."
    ),
]
_NameOption: TypeAlias = Annotated[str, typer.Option("--name", metavar="TYPE.ID", help="Who we are.")]
_ListOption: TypeAlias = Annotated[bool, typer.Option("--list", help="Show the cases, and judge nobody.")]
_PeerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--peer", metavar="NAME|FILE.toml", help=f"Known deviations of it: {', '.join(shipped())}, or a file."
    ),
]
_JunitOption: TypeAlias = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")]
_HtmlOption: TypeAlias = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page to read.")]
_TimeoutOption: TypeAlias = Annotated[
    float, typer.Option("--timeout", min=0.05, help="Seconds that the peer has for each answer.")
]
_SeedOption: TypeAlias = Annotated[int, typer.Option("--seed", help="Of all that is random in the cases.")]


@conform.command("server")
def conform_server(
    address: _AddressArgument = None,
    rules: _RulesArgument = None,
    name: _NameOption = "client.admin",
    keyring: KeyringOption = None,
    peer: _PeerOption = None,
    listed: _ListOption = False,
    junit_file: _JunitOption = None,
    html_file: _HtmlOption = None,
    timeout: _TimeoutOption = 2.0,
    seed: _SeedOption = 0,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=16, help="How many cases at once.")] = 4,
    json: JsonOption = False,
) -> None:
    """Attack a server, with right and wrong input, and judge what it answers.

    Nothing is sent that is known to stop a deployed daemon. What needs a key is skipped without --keyring.
    """
    report = Report(json=json)
    if listed:
        _list(Role.SERVER, _words(address, rules), report)
        return
    if address is None:
        raise ConfigError("whom to judge? name v2:HOST:PORT, or --list the cases")
    known = None if peer is None else deviations_of(peer)
    judge = partial(
        judge_server,
        address,
        choose(all_cases(Role.SERVER), rules or ()),
        name=name,
        key=None if keyring is None else Keyring.load(keyring).get(name).key,
        settings=Settings(timeout=timeout, seed=seed, jobs=jobs),
        tell=_teller(report),
    )
    judgement = anyio.run(judge)
    _conclude(judgement if known is None else known.apply(judgement), report, junit_file, html_file)


def _words(address: str | None, rules: list[str] | None) -> list[str]:
    """Return the rules that are meant where no address is needed."""
    return [*([] if address is None or address.startswith("v2:") else [address]), *(rules or ())]


def _list(role: Role, wanted: list[str], report: Report) -> None:
    cases = choose(all_cases(role), wanted)
    topic = ""
    for case in cases:
        if case.topic != topic:
            topic = case.topic
            report.line(f"{topic}:")
        report.line(f"  {case.level.value:6} {case.id:48} {case.says}")
    report.line(counted(len(cases), "case"))
    report.document({"cases": [case_document(case) for case in cases]})


def _teller(report: Report) -> Callable[[Result], None]:
    """Return what shows progress: a line on standard error for what does not pass."""

    def tell(result: Result) -> None:
        if not report.json and result.verdict in (Verdict.FAIL, Verdict.BROKEN):
            report.note(f"{result.verdict.value:7} {result.case.id}")

    return tell


def _conclude(judgement: Judgement, report: Report, junit_file: Path | None, html_file: Path | None) -> None:
    _print(judgement, report)
    report.document(judgement_document(judgement))
    try:
        if junit_file is not None:
            write_file(junit_file, [junit(judgement)])
        if html_file is not None:
            write_file(html_file, [html_page(judgement)])
    except ConfigError as error:
        # The one document of --json is the judgement, so that of the error is told on standard error alone.
        raise typer.Exit(Report(json=False).failure(Failure.of(error))) from None
    raise typer.Exit(FINE if judgement.conforms else FAILED)


def _print(judgement: Judgement, report: Report) -> None:
    report.line(f"{judgement.address}: {judgement.about}")
    skipped: dict[str, int] = {}
    for result in judgement.results:
        if result.verdict is Verdict.SKIP:
            skipped[result.seen] = skipped.get(result.seen, 0) + 1
        elif result.verdict is not Verdict.PASS:
            word = "known" if result.excused is not None else result.verdict.value
            report.line(f"{word:7} {result.case.id}: {result.case.says}")
            report.line(f"        expected {result.expected}; seen {result.seen}")
            if result.excused is not None:
                report.line(f"        known: {result.excused}")
    for reason, count in skipped.items():
        report.line(f"skip    {counted(count, 'case')}: {reason}")
    for stale in judgement.stale:
        report.line(f"stale   {stale} passes: strike out the exception")
    counts = judgement.counts
    words = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    known = f", {judgement.excused} of them known" if judgement.excused else ""
    verdict = "conforms" if judgement.conforms else "does not conform"
    report.line(f"{verdict}: {counted(len(judgement.results), 'case')} in {judgement.seconds:.1f} s: {words}{known}")


@conform.command("client")
def conform_client(
    address: _AddressArgument = None,
    rules: _RulesArgument = None,
    name: Annotated[str, typer.Option("--name", metavar="TYPE.ID", help="Who we are.")] = "mon.a",
    keyring: KeyringOption = None,
    peer: _PeerOption = None,
    listed: _ListOption = False,
    junit_file: _JunitOption = None,
    html_file: _HtmlOption = None,
    timeout: _TimeoutOption = 2.0,
    seed: _SeedOption = 0,
    wait: Annotated[float, typer.Option("--wait", min=0.1, help="Seconds to wait for the client to dial.")] = 30.0,
    json: JsonOption = False,
) -> None:
    """Listen, and judge whoever dials in: each of its connections is for one case, so it has to dial again and again.

    Port 0 takes any free one. The address, and how many connections it takes at least, are printed once it listens: on
    standard output, or with --json on standard error. With a --keyring the client proves who it is by cephx.
    """
    report = Report(json=json)
    if listed:
        _list(Role.CLIENT, _words(address, rules), report)
        return
    if address is None:
        raise ConfigError("where to listen? name v2:HOST:PORT, or --list the cases")
    known = None if peer is None else deviations_of(peer)
    cases = choose(all_cases(Role.CLIENT), rules or ())

    def listens(at: str) -> None:
        # The last word of the line is the address: whoever starts this in a script wants it.
        (report.note if json else report.line)(
            f"{counted(len(cases), 'connection')} or more are needed; listening at {at}"
        )

    judge = partial(
        judge_client,
        address,
        cases,
        name=name,
        keyring=None if keyring is None else Keyring.load(keyring),
        settings=Settings(timeout=timeout, seed=seed, wait=wait),
        tell=_teller(report),
        listens=listens,
    )
    judgement = anyio.run(judge)
    _conclude(judgement if known is None else known.apply(judgement), report, junit_file, html_file)
