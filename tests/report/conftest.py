"""The same fixtures as the command line's tests."""

from tests.cli.conftest import tool, user, warm

__all__ = ["tool", "user", "warm"]
