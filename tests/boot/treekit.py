"""A repository that has the shape of a Xen tree as far as building tools and hypervisor goes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from xenstage.process import Runner

_MAKE = "all: it\nit: {source}\n\t$(CC) -g -c -o $@ $<\ninstall: all\n\tinstall -D it $(DESTDIR){place}\n"
_PLACES = {
    "include": "/usr/include/include",
    "libxc": "/usr/lib/libxenctrl.so.4",
    "xenstore": "/usr/sbin/xenstored",
    "console": "/usr/sbin/xenconsoled",
    "libxl": "/usr/sbin/xl",
    "firmware": "/usr/lib/xen/boot/hvmloader",
    "debugger/gdbsx": "/usr/sbin/gdbsx",
}
_FILES = {
    "Config.mk": "XEN_TARGET_ARCH = x86_64\n",
    "configure": '#!/bin/sh\necho configured "$@"\n',
    "xen/Rules.mk": "TARGET_ARCH = x86_64\n",
    "xen/include/xen/sched.h": "struct domain;\n",
    "xen/arch/x86/hvm.c": "int hvm;\n",
    "xen/Makefile": "export XEN_VERSION = 4\nexport XEN_SUBVERSION = 5\nbuild:\n\t$(CC) -g -c -o xen arch/x86/hvm.c\n",
    "tools/ocaml/xc.ml": "\n",
}


class Repo:
    """The repository; every change is a commit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q")
        self.commit(_tree())

    def git(self, *args: str) -> str:
        """Run git in it, as nobody in particular."""
        who = {f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in (("NAME", "A"), ("EMAIL", "a@b"))}
        env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"}
        return subprocess.run(["git", *args], cwd=self.path, env=env, check=True, capture_output=True, text=True).stdout

    def commit(self, files: dict[str, str]) -> str:
        """Write files, commit, return the hash."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name == "configure" else 0o644)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD").strip()


def _tree() -> dict[str, str]:
    files = dict(_FILES)
    for name, place in _PLACES.items():
        inside = "hvmloader/" if name == "firmware" else ""
        files[f"tools/{name}/Makefile"] = _MAKE.format(source=f"{inside}it.c", place=place)
        files[f"tools/{name}/{inside}it.c"] = f"int {Path(name).name};\n"
    return files


def fake_programs(directory: Path) -> Runner:
    """A runner that finds an ``iasl`` in the directory, besides the machine's own programs."""
    directory.mkdir()
    iasl = directory / "iasl"
    iasl.write_text(
        '#!/bin/sh\n[ "$1" = -v ] && { echo "ASL version 1"; exit; }\necho "unsigned char x_aml_code[] = {" > t.hex\n'
    )
    iasl.chmod(0o755)
    return Runner({"PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"})
