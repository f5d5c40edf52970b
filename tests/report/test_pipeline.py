"""The root pipeline: what the verbs take, one job a configuration, and what GitLab takes."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Tool
from tests.cli.kit import PROJECT
from xenstage.cli.common import stages
from xenstage.cli.main import VERBS, module_of
from xenstage.report.pipeline import BOOT, RESULTS, ROOT, SHARED, pipelines
from xenstage.tree.config import BUILDS

GLOBAL = {"stages", "include", "workflow", "default", "variables"}


def counts() -> dict[str, int]:
    """The stages that are written whole, and how many patches each has."""
    return {s.label: len(s.patches) for s in stages().values() if s.whole}


def whole(texts: dict[str, str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Both files together, and the jobs with what they extend."""
    value = {**yaml.safe_load(texts[BOOT]), **yaml.safe_load(texts[ROOT])}
    plain = {k: v for k, v in value.items() if k not in GLOBAL}

    def full(job: dict[str, Any]) -> dict[str, Any]:
        return {**full(plain[job["extends"]]), **job} if "extends" in job else job

    return value, {k: full(v) for k, v in plain.items() if not k.startswith(".")}


@pytest.fixture
def committed() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What is in the clone."""
    return whole({name: (PROJECT / name).read_text() for name in (ROOT, BOOT)})


def test_the_committed_files_are_what_the_definitions_give(tool: Tool, tmp_path: Path) -> None:
    assert tool("pipeline", "--out", tmp_path).good().out.split() == [str(tmp_path / ROOT), str(tmp_path / BOOT)]
    for name in (ROOT, BOOT):
        assert (tmp_path / name).read_text() == (PROJECT / name).read_text(), "type: xenstage pipeline"


def test_every_step_has_its_jobs(committed: tuple[dict[str, Any], dict[str, dict[str, Any]]]) -> None:
    _, jobs = committed
    assert {"prepare", "test", "series", "proofs", "boot-report", "report"} <= set(jobs)
    verify = {n: j for n, j in jobs.items() if n.startswith("verify ")}
    assert [j["variables"]["CONFIGURATION"] for j in verify.values()] == [c.name for c in BUILDS]
    needs = {n["job"] for n in jobs["proofs"]["needs"]}
    assert set(verify) <= needs, "what they built is handed on"
    assert {n["job"] for n in jobs["report"]["needs"]} >= {"proofs", "boot-report"}
    reports = {n: j["artifacts"]["reports"]["junit"] for n, j in jobs.items() if "reports" in j.get("artifacts", {})}
    assert set(reports) == {"test", "proofs", "boot-report", *verify}


@pytest.mark.parametrize("every_patch", [False, True])
def test_structure(every_patch: bool) -> None:
    value, jobs = whole(pipelines({**counts(), "05_audit": 26, "06_drop_pvh": 7}, every_patch=every_patch))
    order = value["stages"]
    for name, job in jobs.items():
        assert job["stage"] in order and job["script"], name
        assert len(job.get("needs", [])) <= 50, name
        for need in job.get("needs", []):
            assert need["job"] in jobs
            assert order.index(jobs[need["job"]]["stage"]) <= order.index(job["stage"])
    assert value["default"]["interruptible"] is True
    done: set[str] = set()
    while len(done) < len(jobs):
        ready = {n for n, j in jobs.items() if n not in done and {x["job"] for x in j.get("needs", [])} <= done}
        assert ready, "a circle"
        done |= ready


def test_the_jobs_type_what_the_verbs_take(committed: tuple[dict[str, Any], dict[str, dict[str, Any]]]) -> None:
    import importlib

    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    for name in VERBS:
        importlib.import_module(f"xenstage.cli.{module_of(name)}").add(verbs)
    value, jobs = committed
    typed = 0
    for name, job in jobs.items():
        for line in job["script"]:
            for variable, text in {**value["variables"], **job.get("variables", {})}.items():
                line = line.replace(f"${variable}", text)
            words = shlex.split(line)
            script = next((w for w in words if w.endswith(".sh")), None)
            if script is not None:
                assert (PROJECT / script).exists(), line
            if script == "ci/xenstage.sh":
                args = parser.parse_args(words[2:])
                typed += 1
                asked = getattr(args, "stages", None) or getattr(args, "what", None)
                assert not asked or asked == [s[:2] for s in counts()], name
                junit = getattr(args, "junit", None)
                assert (junit is None) or junit == job["artifacts"]["reports"]["junit"].replace(
                    "$CONFIGURATION", job.get("variables", {}).get("CONFIGURATION", "")
                ), name
    assert typed > len(BUILDS) + 4


def test_caches_are_keyed_by_content_and_written_by_one_job(
    committed: tuple[dict[str, Any], dict[str, dict[str, Any]]],
) -> None:
    _, jobs = committed
    for name, job in jobs.items():
        caches = job.get("cache", [])
        for cache in caches if isinstance(caches, list) else [caches]:
            assert cache["key"]["files"] and len(cache["key"]["files"]) <= 2, name
            assert all((PROJECT / f).exists() for f in cache["key"]["files"])
            shared = cache["key"]["prefix"] in ("xenstage-python", "xenstage-tree")
            assert not shared or (cache["policy"] == "pull-push") == (name == "prepare"), name


def test_what_is_handed_on_is_what_the_cache_calls_it() -> None:
    """The kinds of what is kept, as the code names them."""
    kinds: set[str] = set()
    for path in (PROJECT / "xenstage").rglob("*.py"):
        text = path.read_text()
        kinds |= set(re.findall(r"cache\.(?:put|put_bytes|path|get)\(\s*\"([\w-]+)\"", text))
    assert {*RESULTS, *SHARED} <= kinds, {*RESULTS, *SHARED} - kinds


@pytest.mark.parametrize("name", [ROOT, BOOT])
def test_gitlabs_own_schema(name: str) -> None:
    schema = pytest.importorskip("check_jsonschema.builtin_schemas", reason="pip install check-jsonschema")
    import jsonschema

    value = yaml.safe_load((PROJECT / name).read_text())
    jsonschema.validate(value, schema.get_builtin_schema("vendor.gitlab-ci"))
