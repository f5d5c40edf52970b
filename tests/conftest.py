"""What all tests share: which tests need the Xen tree, in which order and beside which others tests run."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent


def pytest_configure() -> None:
    """Ctrl-C reaches the programs that tests interrupt, also where the tests are a shell's background job."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def xen_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of all that runs on the Xen tree: prepared, parsed and built once, whatever process a test runs in.

    Empty when the tests begin.
    """
    place = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        place = place.parent  # of all the processes
    (place / "xen").mkdir(exist_ok=True)
    return place / "xen"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests on the Xen tree, which XENSTAGE_TREE names, take longest and come first."""
    why = os.environ.get("XENSTAGE_NO_TREE", "XENSTAGE_TREE is not set; make test sets it")
    for item in items:
        if HERE / "real" in item.path.parents and not os.environ.get("XENSTAGE_TREE"):
            item.add_marker(pytest.mark.skip(reason=f"no Xen tree: {why}"))
    # Those first that compare a first run on an empty cache with a second one.
    first = "tests/real/test_series.py"
    last = "tests/mutants/test_real.py"  # minutes on the tree: for the process that is through with all else
    items.sort(
        key=lambda item: (
            group_of(item.nodeid) != XEN,
            item.nodeid.startswith(last),
            not item.nodeid.startswith(first),
            HERE / "real" not in item.path.parents,
        )
    )


XEN = "the Xen tree"


def group_of(nodeid: str) -> str:
    """Which tests run one after the other in one process, where there are several (pytest-xdist).

    Those of a file, since they share what is expensive to make; and all on the Xen tree: what is below
    tests/real, and what has the parameter "real".  (The mark xdist_group does nothing with pytest 9.2.)
    """
    if nodeid.startswith("tests/real/") or re.search(r"[\[-]real[\]-]", nodeid):
        return XEN
    return nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out tests by :func:`group_of`."""
    from xdist.scheduler import LoadScopeScheduling

    made: Any = LoadScopeScheduling(config, log)
    made._split_scope = group_of  # its documented place for a rule of one's own
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was not tried and why."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "tests/real/" in r.nodeid]
    if skipped:
        why = os.environ.get("XENSTAGE_NO_TREE", "XENSTAGE_TREE is not set")
        names = ", ".join(sorted({r.nodeid.split("::")[-1].split("[")[0] for r in skipped}))
        terminalreporter.write_line(f"skipped for want of the Xen tree ({why}): {names}")
