"""The page in a real browser: it renders, its filters work, and it asks nobody for anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Final

import pytest

from msgr.conformance import html_page

from .test_reports import HOSTILE, each_verdict

BROWSERS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROBE: Final = """
<script>
const shown = () => cases.filter((each) => !each.hidden && each.checkVisibility()).length;
const report = [cases.length, shown(), document.querySelector(".case.fail .mark").offsetWidth > 10];
const rest = document.querySelector(".rest");
rest.open = true;
report.push(shown());
document.querySelector("button[data-mark=fail]").click();
report.push(shown());
search.value = "first nothing-like-this";
search.dispatchEvent(new Event("input"));
report.push(shown());
report.push(getComputedStyle(document.body).backgroundColor);
report.push(typeof window.alerted);
document.title = JSON.stringify(report);
</script>
</body>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    """A browser; where there is none the tests are skipped, or fail under MSGR_REQUIRE_BROWSER=1."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no browser is installed: {', '.join(BROWSERS)}"
        if os.environ.get("MSGR_REQUIRE_BROWSER") == "1":
            pytest.fail(f"MSGR_REQUIRE_BROWSER=1, but {reason}", pytrace=False)
        pytest.skip(reason)
    return found


def opened(browser: str, path: Path, *options: str) -> str:
    """Open a page, and return what the browser printed."""
    profile = f"--user-data-dir={path.parent}/profile"
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", profile, *options, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def became(browser: str, path: Path) -> str:
    """Return what became of a page when its scripts had run."""
    return opened(browser, path, "--virtual-time-budget=2000", "--dump-dom")


def write(folder: Path, *, dark: bool = False) -> Path:
    """Write a page with a script that tries it out."""
    page = html_page(each_verdict()).replace("</body>\n", PROBE)
    if dark:
        page = page.replace("@media (prefers-color-scheme: dark)", "@media all")
    path = folder / "report.html"
    path.write_text(page, "utf-8")
    return path


def test_it_works(browser: str, tmp_path: Path) -> None:
    text = became(browser, write(tmp_path))
    title = unescape(text.partition("<title>")[2].partition("</title>")[0])
    # Six results: one passed and one skipped are folded away, two buttons and a search later nothing is left.
    assert title == '[6,4,true,6,5,0,"rgb(251, 250, 248)","undefined"]'


def test_it_is_dark_where_that_is_wanted(browser: str, tmp_path: Path) -> None:
    assert "rgb(25, 24, 23)" in became(browser, write(tmp_path, dark=True))


def test_what_a_peer_says_stays_text(browser: str, tmp_path: Path) -> None:
    assert "<script>alert(1)</script>" in HOSTILE
    assert "<script>alert" not in became(browser, write(tmp_path))


def test_a_picture_of_it_is_no_empty_sheet(browser: str, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    opened(browser, write(tmp_path), f"--screenshot={picture}", "--window-size=1200,900")
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 20_000
