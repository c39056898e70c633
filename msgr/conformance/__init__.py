"""Floor 7: is a peer what the spec says? Cases by rule, a judge, and reports that a person can read.

::

    cases = choose(all_cases(Role.SERVER), ["FRAME", "AUTH-25"])
    judgement = await judge_server(
        "v2:127.0.0.1:6789", cases, name="client.admin", key=key, settings=Settings(), tell=print
    )
    judgement = deviations_of("ceph-18").apply(judgement)
    Path("report.html").write_text(html_page(judgement))

No case sends what is known to stop a deployed daemon: a frame that is called compressed without that agreement, and in
secure mode a proof of cephx of version 1, or one that asks for no tickets.
"""

from __future__ import annotations

from .case import Case, all_cases, choose
from .clients import judge_client
from .deviations import Deviations, deviations_of, shipped
from .html import html_page
from .junit import junit
from .report import case_document, judgement_document
from .result import Judgement, Result
from .rules import rule_texts
from .servers import Settings, judge_server
from .verdict import Ending, Level, NotJudged, Role, Verdict, Violation

__all__ = [
    "Case",
    "Deviations",
    "Ending",
    "Judgement",
    "Level",
    "NotJudged",
    "Result",
    "Role",
    "Settings",
    "Verdict",
    "Violation",
    "all_cases",
    "case_document",
    "choose",
    "deviations_of",
    "html_page",
    "judge_client",
    "judge_server",
    "judgement_document",
    "junit",
    "rule_texts",
    "shipped",
]
