"""The verb ``audit``: what is known of a tree's tests, what is new, and the page."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Tool
from .kit import CONFIG, Repo

Factory = Callable[..., Repo]
TIME = "xen/arch/x86/time.c"
NEW = """
int has_a_clock(const struct domain *d);
int has_a_clock(const struct domain *d)
{
    /* </pre><script>alert("&")</script> */
    return is_hvm_domain(d) ? 1 : 0;
}
"""


class Page(html.parser.HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data

    def of(self, name: str) -> list[dict[str, str | None]]:
        """Attributes of each tag of a name."""
        return [attrs for tag, attrs in self.tags if tag == name]


def _audit(tool: Tool, tree: Path | str, *more: str | Path) -> tuple[int, str]:
    got = tool("audit", "--tree", tree, "--config", CONFIG, *more)
    assert "Traceback" not in got.err
    return got.code, got.out


def test_every_test_of_the_sample_is_known(tool: Tool) -> None:
    code, out = _audit(tool, "sample")
    assert code == 0 and "45 known, 0 moved, 0 reworded, 0 new, 0 vanished, 3 made later" in out


def test_a_new_test_and_one_that_is_gone_are_named(tool: Tool, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    repo.append(TIME, NEW)
    repo.edit(TIME, "is_hvm_domain(v->domain)", "v->is_running")
    repo.commit()
    code, out = _audit(tool, repo.path, "--json")
    value = json.loads(out)
    lots = {(r["how"], r["function"]) for r in value["sites"] if r["how"] not in ("known", "made later")}
    assert code == 4 and lots == {("new", "has_a_clock"), ("vanished", "update_vcpu_system_time")}
    assert value["counts"]["new"] == value["counts"]["vanished"] == 1


def test_the_page_shows_the_trees_own_lines_and_runs_nothing(
    tool: Tool, xen_like_repo: Factory, tmp_path: Path
) -> None:
    repo = xen_like_repo()
    repo.append(TIME, NEW)
    repo.write("MAINTAINERS", "CLOCKS\nM:\tAnn <a@example.org>\nF:\txen/arch/x86/time.c\n")
    repo.commit()
    _audit(tool, repo.path, "--html", tmp_path / "audit.html")
    text = (tmp_path / "audit.html").read_text()
    page = Page(text)
    assert 'alert("&")' in page.text and not page.of("script") and "a@example.org" not in text
    assert any("default-src 'none'" in str(a.get("content")) for a in page.of("meta"))
    articles = page.of("article")
    assert len(articles) == 49 and "now -= d->arch.vtsc_offset" in page.text
    # Each choice has a button, a rule, and something to show.
    choices = [str(a["id"]) for a in page.of("input")]
    shown = {c for a in articles for c in str(a["class"]).split()}
    assert {c for c in choices if not c.endswith("-all")} == shown
    assert all(f"body:has(#{c}:checked) article:not(.{c})" in text for c in shown)
    assert "CLOCKS (Ann)" in page.text
    again = tmp_path / "again.html"
    _audit(tool, repo.path, "--html", again)
    assert again.read_text() == text


def test_a_stage_that_judges_nothing_is_named(tool: Tool) -> None:
    tool("audit", "03", "--tree", "sample", "--config", CONFIG).refused(2, "03_feature_flags", "xenstage audit 05")
