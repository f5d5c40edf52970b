"""pipelines: the GitLab pipelines, from the same definitions as the verbs.

Stages are those that have patches, configurations :data:`xenstage.tree.config.BUILDS`, boots the
cells of the matrix.  A test holds the committed files to what this module writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..boot.report.pipeline import OUT, pipeline
from ..errors import Exit
from ..tree.config import BUILDS
from .page import TEMPLATES

ROOT, BOOT = ".gitlab-ci.yml", "ci/boot.gitlab-ci.yml"
# What the cache holds of a tree that is parsed, and of builds that are done (docs/how-it-works.md).
SHARED = ("answers", "includes", "mails", "packs", "prepared", "readings", "sweeps", "toolchains", "trees")
RESULTS = ("builds", "harvests", "logs", "relined", "tools", "verdicts")


def pipelines(patches: Mapping[str, int], *, every_patch: bool = False) -> dict[str, str]:
    """Path below the project's top to text.

    :param patches: label of a stage to the number of its patches, in order.
    :param every_patch: whether each patch is a row of the boot matrix.
    """
    env = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    root = env.get_template("gitlab-ci.yml.j2").render(
        numbers=" ".join(label[:2] for label in patches),
        configurations=[c.name for c in BUILDS],
        out=OUT,
        shared=SHARED,
        results=RESULTS,
        skipped=int(Exit.SKIPPED),
    )
    return {ROOT: root, BOOT: pipeline(patches, every_patch=every_patch)}
