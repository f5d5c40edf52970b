"""``python -m xenstage``."""

import sys


def start() -> int:
    """Run a verb; a package that is missing is an error with a remedy, and Ctrl-C none with a traceback."""
    try:
        from .cli.main import main

        return main()
    except KeyboardInterrupt:  # while Python was still loading
        sys.stderr.write("xenstage: interrupted; nothing was begun\n")
        return 130
    except ModuleNotFoundError as e:
        if (e.name or "").startswith("xenstage"):
            raise
        sys.stderr.write(
            f"xenstage: a package that it needs is not installed\n  why:  {e}\n"
            f"  next: {sys.executable} -m pip install --require-hashes -r requirements.txt\n"
        )
        return 5


if __name__ == "__main__":
    sys.exit(start())
