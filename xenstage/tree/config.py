"""Config: the ways in which a tree is configured for parsing and building."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One configuration of the hypervisor's makefiles (``Config.mk``, ``xen/Rules.mk``).

    :param name: as users type it.
    :param arch: XEN_TARGET_ARCH.
    :param debug: ``debug=y`` or ``n``; n defines NDEBUG.
    :param xsm: XSM_ENABLE, and with it FLASK.
    :param clang: the compiler is clang, which the tree supports in part only: what the base
        commit does not build is not asked of a patch.
    """

    name: str
    arch: str
    debug: bool
    xsm: bool
    clang: bool = False

    @property
    def make_args(self) -> list[str]:
        """The variables for the tree's make."""

        def yes(on: bool) -> str:
            return "y" if on else "n"

        args = [f"XEN_TARGET_ARCH={self.arch}", f"CROSS_COMPILE={self.cross}", f"debug={yes(self.debug)}"]
        args += ["clang=y"] if self.clang else []
        return [*args, f"XSM_ENABLE={yes(self.xsm)}", f"FLASK_ENABLE={yes(self.xsm)}"]

    @property
    def cross(self) -> str:
        """Prefix of the compiler's name; empty for the machine's own architecture."""
        own = {"x86_64": "x86_64", "aarch64": "arm64", "armv7l": "arm32"}.get(platform.machine())
        return "" if own == self.arch else _CROSS[self.arch]

    @property
    def compiler(self) -> str:
        """The compiler's name as a program."""
        return "clang" if self.clang else f"{self.cross}gcc"

    @property
    def target(self) -> str:
        """The target triple for libclang."""
        return _CROSS[self.arch].rstrip("-")

    def missing(self) -> str | None:
        """Why this configuration cannot be prepared on this machine, or None."""
        if shutil.which(self.compiler) is None:
            return f"{self.compiler} is not installed"
        return None


_CROSS = {"x86_64": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-", "arm32": "arm-linux-gnueabihf-"}

CONFIGS = (
    Config("x86_64-debug", "x86_64", True, False),
    Config("x86_64-release", "x86_64", False, False),
    Config("x86_64-debug-xsm", "x86_64", True, True),
    Config("x86_64-release-xsm", "x86_64", False, True),
    Config("arm64-debug", "arm64", True, False),
    Config("arm32-debug", "arm32", True, False),
)

CLANG = Config("x86_64-clang", "x86_64", True, False, clang=True)
BUILDS = (*CONFIGS, CLANG)

BY_NAME = {c.name: c for c in BUILDS}
