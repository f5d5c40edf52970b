"""The pipeline asks what the command line asks, and a green job means PASS."""

from __future__ import annotations

import argparse
import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.kit import PROJECT
from xenstage.boot.matrix.plan import choose_guests, line_of, make_plan, row_names
from xenstage.boot.model import Verdict
from xenstage.boot.report.pipeline import cells, job_name, pipeline
from xenstage.cli import matrix
from xenstage.cli.common import stages
from xenstage.cli.main import main
from xenstage.errors import Exit

from .kit import ONE, TWO, tcg

FILE = PROJECT / "ci/boot.gitlab-ci.yml"
KEYWORDS = {"stages", "variables"}
JOB_KEYS = {"stage", "image", "services", "rules", "script", "extends", "variables", "needs", "interruptible", "cache",
            "timeout", "allow_failure", "retry", "artifacts"}  # fmt: skip


def written() -> dict[str, int]:
    """The labels of the stages that have patches, and how many."""
    return {s.label: len(s.patches) for s in stages().values() if s.whole}


@pytest.fixture
def config() -> dict[str, Any]:
    """The committed pipeline."""
    value: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return value


def jobs(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The jobs, with what they extend."""
    plain = {k: v for k, v in config.items() if k not in KEYWORDS}
    return {k: {**plain.get(v.get("extends", ""), {}), **v} for k, v in plain.items() if not k.startswith(".")}


def test_the_committed_file_is_what_the_definition_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--gitlab", str(tmp_path / "it.yml")]) == 0
    assert (tmp_path / "it.yml").read_text() == FILE.read_text(), "xenstage matrix --gitlab ci/boot.gitlab-ci.yml"
    assert "it.yml" in capsys.readouterr().out


def test_one_job_for_every_cell_of_the_matrix(config: dict[str, Any]) -> None:
    line = line_of("b" * 40, [(label, [("c" * 40, "a patch", ())] * n) for label, n in written().items()])
    plan = make_plan(line, tcg, guests=choose_guests(None))
    asked = [(p.commit.name, p.cell.guest) for p in plan.cells]
    assert cells(written()) == asked
    got = [(j["variables"]["POINT"], j["variables"]["GUEST"]) for j in jobs(config).values() if "POINT" in str(j)
           and "variables" in j]  # fmt: skip
    assert got == asked
    assert [n for n in jobs(config) if n.startswith("boot ")] == [job_name(*c) for c in asked]


def test_another_stage_is_another_row() -> None:
    more = yaml.safe_load(pipeline({ONE: 4, TWO: 2, "03_feature_flags": 2}))
    assert len(jobs(more)) == len(jobs(yaml.safe_load(pipeline({ONE: 4, TWO: 2})))) + len(choose_guests(None))


def test_every_patch_is_a_row_and_no_job_has_too_many_needs() -> None:
    """The report had one need for each cell: with four stages more than the 50 that GitLab takes."""
    counts = {**written(), "05_audit": 26, "06_drop_pvh": 7}
    line = line_of("b" * 40, [(label, [("c" * 40, "a patch", ())] * n) for label, n in counts.items()])
    every = jobs(yaml.safe_load(pipeline(counts, every_patch=True)))
    rows = [c.name for c in line]
    assert [j["variables"]["POINT"] for n, j in every.items() if n.endswith(" dom0")] == rows
    assert all(len(j.get("needs", [])) <= 50 for j in every.values())
    assert all("--every-patch" in " ".join(j["script"]) for n, j in every.items() if n != "boot-image")


def test_structure(config: dict[str, Any]) -> None:
    """What GitLab would refuse: unknown keys, stages, needs; its own schema is used where it is installed."""
    every = jobs(config)
    order = config["stages"]
    for name, job in every.items():
        assert set(job) <= JOB_KEYS, name
        assert job["stage"] in order and job["image"] and job["script"]
        assert all(isinstance(line, str) for line in job["script"])
        assert all(isinstance(v, str) for v in job.get("variables", {}).values())
        for need in job.get("needs", []):
            assert set(need) <= {"job", "artifacts", "optional"} and need["job"] in every
            assert order.index(every[need["job"]]["stage"]) <= order.index(job["stage"])
    assert all(isinstance(v, str) for v in config["variables"].values())
    assert all(len(job.get("needs", [])) <= 50 for job in every.values())  # GitLab's limit


def test_needs_have_no_circle(config: dict[str, Any]) -> None:
    every, done = jobs(config), set[str]()
    while len(done) < len(every):
        ready = {n for n, j in every.items() if n not in done and {x["job"] for x in j.get("needs", [])} <= done}
        assert ready, "a circle"
        done |= ready


def test_a_row_has_the_outcomes_of_the_row_before(config: dict[str, Any]) -> None:
    """What two jobs ran apart would overwrite each other in the report's directory."""
    every, rows = jobs(config), row_names(written())
    for guest in choose_guests(None):
        for before, row in itertools.pairwise(rows):
            (need,) = [n for n in every[job_name(row, guest)]["needs"] if n["job"] != "boot-image"]
            assert need == {"job": job_name(before, guest), "artifacts": True}


def test_the_report_waits_for_every_cell_and_runs_whatever_they_say(config: dict[str, Any]) -> None:
    every = jobs(config)
    last = row_names(written())[-1]
    # Each of these waits for the row before, and has what all rows before came to.
    assert [n["job"] for n in every["boot-report"]["needs"]] == [job_name(last, g) for g in choose_guests(None)]
    for name, job in every.items():
        if name != "boot-image":
            assert {r["when"] for r in job["rules"]} == {"always", "never"} and job["interruptible"]
        if name.startswith("boot "):
            assert job["artifacts"]["when"] == "always"
            assert job["artifacts"]["paths"] == ["out/matrix/cells", "out/matrix/logs"]


def test_only_pass_is_green(config: dict[str, Any]) -> None:
    """SKIP is a warning, and nothing else is let pass; INFRA alone is tried again."""
    for name, job in jobs(config).items():
        if name != "boot-image":
            assert job["allow_failure"] == {"exit_codes": [int(Exit.SKIPPED)]}, name
        if name.startswith("boot "):
            assert job["retry"]["exit_codes"] == [int(Exit.INFRA)]
            assert not set(job["retry"]["when"]) & {"always", "script_failure"}
    codes = {v: {Verdict.PASS: 0, Verdict.SKIP: 8, Verdict.INFRA: 9}.get(v, 1) for v in Verdict}
    assert (codes[Verdict.SKIP], codes[Verdict.INFRA]) == (int(Exit.SKIPPED), int(Exit.INFRA))


def test_the_jobs_type_what_the_verb_takes(config: dict[str, Any]) -> None:
    parser = argparse.ArgumentParser()
    matrix.add(parser.add_subparsers())
    for name, job in jobs(config).items():
        for line in job["script"]:
            if "xenstage.sh" not in line:
                continue
            for variable, value in {**config["variables"], **job.get("variables", {})}.items():
                line = line.replace(f"${variable}", value)
            argv = shlex.split(line)
            assert argv[:2] == ["sh", "ci/xenstage.sh"] and (PROJECT / argv[1]).exists()
            args = parser.parse_args(argv[2:])
            assert not [a for a in argv if "$" in a]
            assert args.stored == (name == "boot-report")
            if not args.stored:
                assert job_name(args.point[0], args.guest[0]) == name


def test_gitlabs_own_schema(config: dict[str, Any]) -> None:
    schema = pytest.importorskip("check_jsonschema.builtin_schemas", reason="pip install check-jsonschema")
    import jsonschema

    jsonschema.validate(config, schema.get_builtin_schema("vendor.gitlab-ci"))


def test_a_pipeline_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["matrix", "01", "--gitlab", str(tmp_path / "file/it.yml")]) == 6
    assert "--gitlab FILE" in capsys.readouterr().err


def test_the_container_has_a_package_for_every_machine() -> None:
    text = (PROJECT / "ci/Containerfile").read_text()
    assert re.search(r"^FROM debian:12$", text, re.M)
    words = set(re.findall(r"[a-z0-9][a-z0-9+.-]+", "\n".join(x for x in text.splitlines() if not x.startswith("#"))))
    wanted = {"qemu-system-x86", "bochs", "bochsbios", "vgabios", "grub-pc-bin", "xorriso", "mtools", "syslinux",
              "busybox-static", "gcc", "make", "flex", "bison", "bcc", "acpica-tools", "uuid-dev", "zlib1g-dev",
              "libncurses-dev", "seabios", "cpio", "python3-venv", "git"}  # fmt: skip
    assert wanted <= words
