"""What proving a series and proving a directory of patches share."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..builds.builder import Builder, Result
from ..builds.harvest import Harvester
from ..builds.tools import ToolsBuilder, concerns
from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..index.sweep import Files
from ..progress import Progress, say
from ..prove.case import Case
from ..prove.judge import Built, Judgement
from ..prove.result import SKIP, Finding, Proof, worst
from ..report.junit import Case as JunitCase
from ..report.junit import junit
from ..tree.config import BUILDS, BY_NAME, Config
from ..tree.prepare import prepare
from .common import Opened, exit_code


def configs_of(args: argparse.Namespace) -> list[Config]:
    """The configurations to build: those named, or all."""
    names = args.build_config
    if names and "none" in names:
        return []
    return [BY_NAME[n] for n in dict.fromkeys(names)] if names else list(BUILDS)


def base_files(opened: Opened) -> Files:
    """The base commit's files; from a plain checkout where the tree cannot be prepared, which says so."""
    try:
        root = prepare(opened.tree, opened.configs[0], cache=opened.cache, runner=opened.runner).root
    except XenstageError as e:
        if e.code not in (Exit.TREE, Exit.TOOLS):
            raise
        say(f"{e.title}: the source is read as it is in the commit")
        root = opened.cache.path("plain", opened.tree.base, "tree", "x").parent
        with opened.cache.lock(f"plain-{opened.tree.base}"):
            opened.tree.git.checkout(opened.tree.base, root, root.parent / "index")
    return Files(root, opened.tree.git.files(opened.tree.base), {}, opened.tree.tree, opened.cache)


def build_if_possible(
    opened: Opened, cases: Sequence[Case], configs: Sequence[Config], only: frozenset[str]
) -> tuple[dict[tuple[str, str], Result], float, str]:
    """Build all that can be built of somebody's patches: what reads the source needs no build.

    :returns: as :func:`build_all`, and why nothing was built ("" where it was, or was not asked for).
    """
    try:
        results, spent = build_all(opened, [(c.commit, c.parent) for c in cases], configs, only)
    except XenstageError as e:
        if e.code not in (Exit.TREE, Exit.TOOLS, Exit.FAIL):
            raise
        say(f"nothing is built: {e.title}; the source proofs run all the same")
        return {}, 0.0, f"{e.title}: {e.why.strip().splitlines()[-1] if e.why.strip() else ''}"
    if results and "builds" in only:
        spent += build_tools(opened, cases, results)
    return results, spent, ""


def build_all(
    opened: Opened, pairs: Sequence[tuple[str, str]], configs: Sequence[Config], only: frozenset[str]
) -> tuple[dict[tuple[str, str], Result], float]:
    """Build every commit and its parent in every configuration, each tree once.

    :param pairs: (commit, parent), in the order of the series.
    :returns: (tree, configuration) to result, and the seconds that make took now.
    :raises XenstageError: (FAIL) when the first parent does not build.
    """
    results: dict[tuple[str, str], Result] = {}
    spent = 0.0
    if not only & {"builds", "objects", "hypercalls"}:
        return results, spent
    order = list(dict.fromkeys(c for commit, parent in pairs for c in (parent, commit)))
    progress = Progress("build", len(configs) * len(order))
    for config in configs:
        harvester = Harvester(opened.tree, config, dict(pairs), opened.cache, opened.runner)
        builder = Builder(opened.tree, config, opened.cache, opened.runner, time.monotonic, harvester)
        baseline: Result | None = None
        for commit in order:
            got = builder.build(commit, baseline)
            spent += 0.0 if got.kept else got.seconds
            results[(opened.tree.git.tree_of(commit), config.name)] = got
            if baseline is None:
                baseline = got
                if got.verdict == "FAIL":
                    raise XenstageError(
                        Exit.FAIL,
                        f"the base commit itself does not build ({config.name})",
                        why=got.reason,
                        remedy=f"{got.command}\nor leave the configuration out: --build-config NAME",
                    )
            progress.step(f"{commit[:12]}, {config.name}: {got.verdict}")
    progress.close()
    return results, spent


def build_tools(opened: Opened, cases: Sequence[Case], results: dict[tuple[str, str], Result]) -> float:
    """Build the tools before and after every patch that changes what they are made of.

    :param results: what :func:`build_all` gave; the results are added under "tools".
    :returns: the seconds that make took now.
    """
    touching = [c for c in cases if concerns(c.changed)]
    if not touching:
        return 0.0
    builder = ToolsBuilder(opened.tree.git, opened.cache, opened.runner, time.monotonic)
    progress, spent = Progress("tools", 2 * len(touching)), 0.0
    for case in touching:
        baseline: Result | None = None
        for commit, tree in ((case.parent, case.parent_tree), (case.commit, case.tree)):
            got = baseline = builder.build(commit, baseline)
            spent += 0.0 if got.kept else got.seconds
            results[(tree, "tools")] = got
            progress.step(f"{commit[:12]}: {got.verdict}")
    progress.close()
    return spent


def built_for(case: Case, results: Mapping[tuple[str, str], Result]) -> Built:
    """The builds of one patch and of its parent."""
    trees = (case.parent_tree, case.tree)
    names = [c for t, c in results if t == trees[1]]
    return {c: (results[(trees[0], c)], results[(trees[1], c)]) for c in names if (trees[0], c) in results}


def report(
    judged: Sequence[Judgement],
    places: Mapping[str, Path],
    spent: float,
    whole: float,
    opinion: Proof | None = None,
    *,
    as_data: bool = False,
    junit_file: str | None = None,
) -> int:
    """The table, what does not hold, and the exit code; SKIPs of one cause are told once, behind it.

    :param spent: seconds that make took now, of the ``whole``.
    :param as_data: print JSON instead.
    :param junit_file: where a JUnit report goes; None for nowhere.
    """
    if junit_file is not None:
        write_atomically(Path(junit_file), junit(_cases(judged)))
    overall = worst([*(j.verdict for j in judged), *([opinion.verdict] if opinion else [])])
    if as_data:
        print(json.dumps(_data(judged, places, opinion), indent=1))
        return int(exit_code(overall))
    width = shutil.get_terminal_size((160, 0)).columns
    skipped: dict[tuple[str, tuple[Finding, ...]], list[tuple[int, str]]] = {}
    for number, j in enumerate(judged, 1):
        print(f"{j.verdict:7} {j.case.subject}"[:width])
        for proof in j.proofs:
            if proof.verdict == SKIP:
                skipped.setdefault((proof.summary, proof.findings), []).append((number, proof.name))
                continue
            print(f"    {proof.verdict:7} {proof.name:11} {proof.summary}"[:width])
            if proof.verdict != "PASS" or proof.findings:
                for finding in proof.findings[:6]:
                    print(f"            {finding.where}: {finding.what}")
        print(f"    {j.says}"[: 4 * width])
    for (summary, findings), rows in skipped.items():
        names = ", ".join(dict.fromkeys(n for _, n in rows))
        count = len({n for n, _ in rows})
        print(f"SKIP    {names} of {count} patch{'es' * (count > 1)}: {summary}"[: 2 * width])
        for finding in findings[:6]:
            print(f"            {finding.where}: {finding.what}")
    for place in places.values():
        print(f"evidence: {place / 'evidence.md'}")
    if opinion is not None:
        print(f"second opinion: {opinion.verdict} {opinion.summary}")
        for name, sides in sorted(opinion.facts.get("names", {}).items()):
            row = ", ".join(f"{s} {n['ours']} = {n['spatch']} + {n['explained']}" for s, n in sides.items())
            print(f"    {name:30} {row}")
        for finding in opinion.findings[:6]:
            print(f"    {finding.where}: {finding.what}")
    counts = ", ".join(f"{sum(j.verdict == v for j in judged)} {v}" for v in sorted({j.verdict for j in judged}))
    ratio = f", {whole / spent:.2f} times that" if spent > 1 else ""
    print(f"{len(judged)} patches: {counts or 'none'}; make took {spent:.0f} s, the whole {whole:.0f} s{ratio}")
    return int(exit_code(overall))


def _cases(judged: Sequence[Judgement]) -> Iterator[JunitCase]:
    """Each proof of each patch."""
    for number, j in enumerate(judged, 1):
        suite = f"{number} {j.case.subject}"
        for p in j.proofs:
            more = "\n".join(f"{f.where}: {f.what}" for f in p.findings)
            # Equal objects decide where the source does not show it: then it is no failure (judge_patch).
            good = p.verdict == "REFUSED" and j.verdict == "PASS"
            yield JunitCase(suite, p.name, p.verdict, p.summary, more, good=good)


def _data(judged: Sequence[Judgement], places: Mapping[str, Path], opinion: Proof | None) -> dict[str, Any]:
    """The verdicts in short; facts and tables are in evidence.json."""

    def proof(p: Proof) -> dict[str, Any]:
        return {k: v for k, v in p.to_json().items() if k in ("verdict", "summary", "findings")}

    return {
        "patches": [
            {"subject": j.case.subject, "tree": j.case.tree, "verdict": j.verdict, "says": j.says,
             "proofs": {p.name: proof(p) for p in j.proofs}}
            for j in judged
        ],
        "evidence": {name: str(place / "evidence.json") for name, place in places.items()},
        "second opinion": proof(opinion) if opinion is not None else None,
    }  # fmt: skip
