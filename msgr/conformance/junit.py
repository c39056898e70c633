"""A judgement as JUnit XML, which continuous integration understands."""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from .report import rule_text
from .result import Judgement, Result
from .verdict import Verdict

_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def junit(judgement: Judgement) -> str:
    """Return the document: a suite for each topic. A failure that is excused counts as skipped, with its reason."""
    root = Element("testsuites", name=f"msgr conform {judgement.role.value}", time=f"{judgement.seconds:.3f}")
    suites: dict[str, list[Result]] = {}
    for result in judgement.results:
        suites.setdefault(result.case.topic, []).append(result)
    for topic, results in suites.items():
        suite = SubElement(
            root,
            "testsuite",
            name=topic,
            tests=str(len(results)),
            failures=str(sum(result.fails for result in results)),
            errors=str(sum(result.verdict is Verdict.BROKEN for result in results)),
            skipped=str(sum(_is_skipped(result) for result in results)),
            time=f"{sum(result.seconds for result in results):.3f}",
        )
        for result in results:
            _case(suite, judgement, result)
    if judgement.stale:
        _stale(root, judgement)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _is_skipped(result: Result) -> bool:
    return result.verdict is Verdict.SKIP or result.excused is not None


def _case(suite: Element, judgement: Judgement, result: Result) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=f"msgr.conform.{judgement.role.value}.{result.case.topic}",
        name=result.case.id,
        time=f"{result.seconds:.3f}",
    )
    text = f"{result.case.says}\n{result.case.rule}: {rule_text(result.case)}\nexpected: {result.expected}\n"
    text = _clean(f"{text}seen: {result.seen}")
    if result.excused is not None:
        SubElement(case, "skipped", message=_clean(f"known: {result.excused}"))
    elif result.verdict is Verdict.SKIP:
        SubElement(case, "skipped", message=_clean(result.seen))
    elif result.verdict is Verdict.FAIL:
        SubElement(case, "failure", message=_clean(result.seen), type=result.case.rule).text = text
    elif result.verdict is Verdict.BROKEN:
        SubElement(case, "error", message=_clean(result.seen), type="broken").text = text
    elif result.verdict is Verdict.ADVISE:
        SubElement(case, "system-out").text = f"advise: {text}"


def _stale(root: Element, judgement: Judgement) -> None:
    count = str(len(judgement.stale))
    suite = SubElement(root, "testsuite", name="exceptions", tests=count, failures=count, errors="0", skipped="0")
    for ident in judgement.stale:
        case = SubElement(suite, "testcase", classname="msgr.conform.exceptions", name=ident)
        SubElement(case, "failure", message=f"{judgement.peer} passes it: strike out the exception", type="stale")


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
