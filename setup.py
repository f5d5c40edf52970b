"""What of the checkout is installed: the packages, and the directories beside them that the tool works with.

Everything else is in pyproject.toml.  In a wheel these directories lie below ``xenstage/bundled``
(:mod:`xenstage.bundle` finds them in both places).
"""

from setuptools import find_packages, setup

BUNDLED = {"stages": "stages", "guests": "guests", "sample": "tests/sample/tree"}

setup(
    packages=[*find_packages(include=["xenstage", "xenstage.*"]), *(f"xenstage.bundled.{name}" for name in BUNDLED)],
    package_dir={f"xenstage.bundled.{name}": place for name, place in BUNDLED.items()},
    package_data={
        "xenstage.boot.machine": ["machines/*.toml"],
        "xenstage.boot.image": ["data/*.sh"],
        "xenstage.report": ["templates/*"],
        **{f"xenstage.bundled.{name}": ["*", ".*", "**/*", "**/.*"] for name in BUNDLED},
    },
    exclude_package_data={"": ["*.pyc", "*.o", "*.d"]},
)
