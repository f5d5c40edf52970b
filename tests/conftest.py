"""What all tests share: which tests need the Xen tree, and one line when it is not there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_configure() -> None:
    """Ctrl-C reaches the programs that tests interrupt, also where the tests are a shell's background job."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests below ``tests/real`` run on the Xen tree that XENSTAGE_TREE names."""
    if os.environ.get("XENSTAGE_TREE"):
        return
    why = os.environ.get("XENSTAGE_NO_TREE", "XENSTAGE_TREE is not set; make test sets it")
    for item in items:
        if HERE / "real" in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=f"no Xen tree: {why}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was not tried and why."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "tests/real/" in r.nodeid]
    if skipped:
        why = os.environ.get("XENSTAGE_NO_TREE", "XENSTAGE_TREE is not set")
        names = ", ".join(sorted({r.nodeid.split("::")[-1].split("[")[0] for r in skipped}))
        terminalreporter.write_line(f"skipped for want of the Xen tree ({why}): {names}")
