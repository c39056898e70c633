"""What is made of a judgement: documents, pages, and excuses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Final
from xml.etree import ElementTree

import pytest

from msgr.conformance import (
    Case,
    Ending,
    Judgement,
    Level,
    Result,
    Role,
    Verdict,
    all_cases,
    choose,
    deviations_of,
    html_page,
    judgement_document,
    junit,
    rule_texts,
    shipped,
)
from msgr.conformance.deviations import parse
from msgr.conformance.transcript import Transcript
from msgr.errors import ConfigError

CASES: Final = {role: all_cases(role) for role in Role}
HOSTILE: Final = "<script>alert(1)</script>&\"'\x00\x1b[31m"
IDENT: Final = re.compile(r"[A-Z]+(-[A-Z]+)*-\d+/[a-z0-9-]+(/[A-Za-z0-9_.^-]+)?")
NO_ELEMENT_ENDS: Final = frozenset({"meta", "input"})


def result(case: Case, verdict: Verdict, **fields: str) -> Result:
    """Return a result, with everything that a peer has a say in as hostile as can be."""
    transcript = Transcript(lambda: 0.25)
    transcript.note(sent=True, says="HELLO", data=bytes(range(64)))
    transcript.note(sent=False, says=HOSTILE, data=b"<b>" * 1000)
    return Result(
        case=case,
        verdict=verdict,
        expected=fields.get("expected", "HELLO"),
        seen=fields.get("seen", HOSTILE),
        ending=Ending.RESET,
        seconds=0.5,
        transcripts=[transcript],
        excused=fields.get("excused"),
    )


def judgement(results: Sequence[Result], role: Role = Role.SERVER, stale: Sequence[str] = ()) -> Judgement:
    """Return a judgement with these results."""
    return Judgement(
        address="v2:127.0.0.1:1", role=role, peer="", about=HOSTILE, seed=7, results=results, stale=stale, seconds=1.0
    )


def each_verdict() -> Judgement:
    """Return a judgement with a result of each verdict, and one that is excused."""
    cases = CASES[Role.SERVER]
    results = [result(case, verdict) for case, verdict in zip(cases, Verdict, strict=False)]
    return judgement([*results, result(cases[10], Verdict.FAIL, excused=HOSTILE)], stale=[cases[11].id])


@pytest.mark.parametrize("role", Role)
def test_there_are_enough_cases_and_each_cites_a_rule(role: Role) -> None:
    cases = CASES[role]
    assert len(cases) >= 120
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        assert IDENT.fullmatch(case.id), case.id
        assert case.id.startswith(case.rule + "/")
        assert case.rule in rule_texts(), case.id
        assert case.says[0].isupper()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["FRAME-1"], {"FRAME-1"}),
        (["SESSION"], {"SESSION-RECONNECT-1", "SESSION-SEQ-1", "SESSION-REPLAY-1", "SESSION-IDENT-8"}),
        (["KEEPALIVE-2/echoes", "AUTH-9x"], None),
        (["KEEPALIVE-2/echoes/zero"], {"KEEPALIVE-2"}),
        (["limits"], {"LIMIT-2", "LIMIT-3", "FRAME-9"}),
    ],
)
def test_cases_are_chosen_by_rule(wanted: list[str], found: set[str] | None) -> None:
    if found is None:
        with pytest.raises(ConfigError, match="AUTH-9x is no rule"):
            choose(CASES[Role.SERVER], wanted)
        return
    rules = {case.rule for case in choose(CASES[Role.SERVER], wanted)}
    assert found <= rules
    assert all(rule.startswith(wanted[0].partition("/")[0]) for rule in rules) or wanted == ["limits"]


def test_nothing_chosen_is_everything() -> None:
    assert choose(CASES[Role.CLIENT], []) == CASES[Role.CLIENT]


@pytest.mark.parametrize("verdict", Verdict)
def test_a_failed_must_and_a_broken_checker_do_not_conform(verdict: Verdict) -> None:
    found = judgement([result(CASES[Role.SERVER][0], verdict)])
    assert found.conforms == (verdict not in (Verdict.FAIL, Verdict.BROKEN))
    assert not replace(found, stale=["FRAME-1/segments/none"]).conforms


def test_what_is_known_is_excused() -> None:
    first, second, third, *_ = CASES[Role.SERVER]
    known = parse(
        "theirs",
        f'[[exception]]\nrole = "server"\ncases = ["{first.id}", "{second.id}", "{third.id}"]\nreason = "so"\n',
    )
    found = known.apply(
        judgement([result(first, Verdict.FAIL), result(second, Verdict.PASS), result(third, Verdict.SKIP)])
    )
    assert [each.excused for each in found.results] == ["so", None, None]
    assert found.stale == [second.id]
    assert (found.excused, found.peer, found.conforms) == (1, "theirs", False)
    assert known.apply(judgement([result(first, Verdict.FAIL)])).conforms
    assert not known.apply(judgement([result(first, Verdict.BROKEN)])).conforms


def test_a_client_is_not_excused_by_what_is_known_of_servers() -> None:
    first = CASES[Role.SERVER][0]
    known = parse("x", f'[[exception]]\nrole = "server"\ncases = ["{first.id}"]\nreason = "so"\n')
    assert not known.apply(judgement([result(first, Verdict.FAIL)], Role.CLIENT)).conforms


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[[exception]]\nrole = "server"\ncases = ["FRAME-1/nothing"]\nreason = "x"', "which is no case"),
        ('[[exception]]\nrole = "server"\ncases = ["FRAME-1/segments/none"]\nreason = " "', "without a reason"),
        ('[[exception]]\nrole = "server"\ncases = ["FRAME-1/segments/none"]', "role, cases and reason"),
        ('[[exception]]\nrole = "peer"\ncases = []\nreason = "x"', "role, cases and reason"),
        ("[[exception", "Expected"),
        (
            '[[exception]]\nrole = "server"\ncases = ["FRAME-1/segments/none", "FRAME-1/segments/none"]\nreason = "x"',
            "twice",
        ),
    ],
)
def test_a_bad_file_of_exceptions_is_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        parse("x", text)


def test_the_shipped_exceptions_are_good() -> None:
    assert shipped() == ("ceph-16", "ceph-18")
    for name in shipped():
        known = deviations_of(name)
        assert {role for role, _ in known.reasons} == set(Role)
        assert all(len(reason) > 20 and reason.endswith(".") for reason in known.reasons.values())
    with pytest.raises(ConfigError, match="ceph-16, ceph-18"):
        deviations_of("ceph-99")


def test_json_says_all() -> None:
    document = json.loads(json.dumps(judgement_document(each_verdict())))
    assert document["counts"] == {"pass": 1, "fail": 2, "advise": 1, "skip": 1, "broken": 1, "excused": 1}
    first, second = document["results"][:2]
    assert (first["verdict"], first["connections"]) == ("pass", [])
    assert second["connections"][0][0] == {
        "time": 0.25,
        "from": "checker",
        "says": "HELLO",
        "size": 64,
        "bytes": bytes(range(64)).hex(),
    }
    assert second["text"] == rule_texts()[second["rule"]]
    assert second["ending"] == "reset"


def test_junit_counts_what_it_shows() -> None:
    root = ElementTree.fromstring(junit(each_verdict()))
    suites = {suite.get("name"): suite for suite in root.iter("testsuite")}
    banner = suites["banner"]
    assert [banner.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "1", "1", "2"]
    assert len(banner.findall("testcase")) == 6
    assert len(banner.findall("testcase/failure")) == 1
    assert len(banner.findall("testcase/skipped")) == 2
    assert suites["exceptions"].get("failures") == "1"


class Page(HTMLParser):
    """Reads a page, and minds that every element ends in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.outside: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in NO_ELEMENT_ENDS:
            self.stack.append(tag)
        self.scripts += tag == "script"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "srcset") or "://" in (value or ""):
                self.outside.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = html_page(each_verdict())
    page = Page()
    page.feed(text)
    assert (page.stack, page.outside, page.scripts) == ([], [], 1)
    assert "<script>alert" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert len(set(page.ids)) == len(page.ids)
    assert "prefers-color-scheme: dark" in text
    for each in each_verdict().results:
        assert each.case.id in page.ids


def test_the_page_shows_rule_expectation_and_bytes() -> None:
    found = each_verdict()
    text = html_page(found)
    failed = found.results[1]
    assert rule_texts()[failed.case.rule][:30].replace("`", "`") in text
    assert "0010  10 11 12 13" in text
    assert "does not conform" in text
    assert Level.MUST.value in text
