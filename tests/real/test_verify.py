"""verify on the real tree, in one configuration: ``make verify`` does it in all."""

from __future__ import annotations

import json
import re
import resource
import shutil
import time
from pathlib import Path

import pytest

from tests.real.conftest import VERIFY, Shell
from tests.real.test_series import STAGES, evidence, files_of
from xenstage.prove.judge import NAMES, NFC
from xenstage.report.page import report_page


def test_every_proof_of_every_patch_holds(verified: tuple[Path, str]) -> None:
    out, text = verified
    assert "6 patches: 6 PASS" in text
    for label in STAGES:
        for patch in evidence(out, label)["patches"]:
            assert {n: p["verdict"] for n, p in patch["proofs"].items()} == dict.fromkeys(NAMES, "PASS")
            assert patch["conclusion"] == NFC
        matrix = evidence(out, label)["patches"][-1]["proofs"]["hypercalls"]["facts"]
        assert matrix["difference"] == {} and matrix["agreed"] >= 384
        assert all(NFC in p.read_text() for p in sorted((out / label / "v1").glob("000[1-9]*.patch")))


def test_the_second_run_takes_half_a_minute_and_writes_the_same(
    shell: Shell, verified: tuple[Path, str], tmp_path: Path
) -> None:
    out, _ = verified
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, text, err, seconds = shell.run(*VERIFY, "--out", str(tmp_path / "again"))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0, text + err
    busy = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    assert min(seconds, busy) < 30, f"{seconds:.0f} s, of which {busy:.0f} s of processor time"  # others may use it
    assert files_of(tmp_path / "again") == files_of(out)


def test_the_page_of_the_real_run(verified: tuple[Path, str], tmp_path: Path) -> None:
    """Built in seconds, small without the logs, and with an anchor for every patch and every site."""
    out = tmp_path / "out"
    shutil.copytree(verified[0], out)
    started = time.perf_counter()
    page, summary = report_page(out)
    assert time.perf_counter() - started < 10 and len(page) < 5_000_000
    assert summary["verdicts"] == {"PASS": 6} and not summary["passed over"]
    text = page.decode()
    for series in summary["series"]:
        assert all(f'id="{patch["anchor"]}"' in text for patch in series["patches"])
    sites = [json.loads((out / label / "v1/sites.json").read_bytes())["sites"] for label in STAGES]
    assert len(re.findall(r'<tr id="\d\d-site-', text)) == sum(map(len, sites)) > 200
    hunks = re.findall(r'<div class="hunk" id=.*?</div></div>', text, re.S)
    assert hunks and all('class="rule"' in h for h in hunks), "a hunk without its rule"


@pytest.mark.skipif(shutil.which("spatch") is None, reason="spatch is not installed (apt-get install coccinelle)")
def test_the_counts_agree_with_spatch(shell: Shell, verified: tuple[Path, str]) -> None:
    out, _ = verified
    code, text, err, _ = shell.run(*VERIFY, "--out", str(out), "--second-opinion")
    assert code == 0, text + err
    assert "second opinion: PASS" in text
