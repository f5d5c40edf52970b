"""pipeline: the GitLab pipeline that asks the matrix's cells, one job each.

Rows and columns are :func:`xenstage.boot.matrix.plan.row_names` and
:data:`xenstage.boot.model.GUESTS`, as on the command line.  A test holds the committed
``ci/boot.gitlab-ci.yml`` to what this module writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import Exit
from ..matrix.plan import choose_guests, row_names

OUT = "out"
_HEAD = """\
# The boot matrix as a GitLab pipeline: one job a cell, then one job that judges them all.
# Generated; do not edit.  Make it again:
#
#   xenstage matrix {numbers}{every} --gitlab ci/boot.gitlab-ci.yml
#
# .gitlab-ci.yml includes it; it runs alone as well.  The jobs' image is made from
# ci/Containerfile by the first job.  docs/matrix.md says more.

stages: [image, boot, report]

variables:
  XENSTAGE_IMAGE: $CI_REGISTRY_IMAGE/boot
  XEN_BASE: HEAD
  GIT_SUBMODULE_STRATEGY: normal
  XDG_CACHE_HOME: $CI_PROJECT_DIR/.cache
  # Commits are made of base, stages and author: the same author gives the same hashes to every job.
  GIT_AUTHOR_NAME: xenstage
  GIT_AUTHOR_EMAIL: xenstage@example.invalid
  GIT_COMMITTER_NAME: xenstage
  GIT_COMMITTER_EMAIL: xenstage@example.invalid

boot-image:
  stage: image
  image: docker:27
  services: ["docker:27-dind"]
  rules:
    - changes: [ci/Containerfile]
  script:
    - docker login -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD" "$CI_REGISTRY"
    - docker build -t "$XENSTAGE_IMAGE" -f ci/Containerfile ci
    - docker push "$XENSTAGE_IMAGE"

# A cell has the outcomes of the row before, which hold those of all rows before: a probe's
# table is compared with the base's, and blame asks the parent.  It runs also when that failed.
.cell:
  stage: boot
  image: $XENSTAGE_IMAGE
  interruptible: true
  rules: &boots
    - if: $XENSTAGE_BOOTS == "no"
      when: never
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      changes: [xenstage/**/*, stages/**/*, guests/**/*, ci/**/*, requirements.txt, xen-src]
      when: always
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: always
    - if: $XENSTAGE_BOOTS == "yes"
      when: always
  timeout: 3 hours
  # Within it everything is kept by content; the key says only when to begin anew.
  cache:
    key:
      files: [.gitmodules, ci/Containerfile]
      prefix: xenstage-boot
    paths: [.cache]
  script:
    - >-
      sh ci/xenstage.sh matrix {numbers}{every} --base "$XEN_BASE" --config x86_64-debug
      --point "$POINT" --guest "$GUEST" --jobs 1 --out {out}
  # {skipped}: SKIP, the cell could not run here; shown as a warning, never as passed.
  allow_failure:
    exit_codes: [{skipped}]
  # {infra}: the machine failed, not Xen (GitLab 16.10 or later knows the code).
  retry:
    max: 1
    exit_codes: [{infra}]
    when: [runner_system_failure, stuck_or_timeout_failure]
  artifacts:
    when: always
    expire_in: 30 days
    paths: [{out}/matrix/cells, {out}/matrix/logs]
"""
_REPORT = """\
# The last row's jobs hold the outcomes of all rows before: however many rows, no more needs than guests.
boot-report:
  stage: report
  image: $XENSTAGE_IMAGE
  interruptible: true
  rules: *boots
  cache:
    key:
      files: [.gitmodules, ci/Containerfile]
      prefix: xenstage-boot
    policy: pull
    paths: [.cache]
  needs:
{needs}
  script:
    - mkdir -p junit
    - >-
      sh ci/xenstage.sh matrix {numbers}{every} --base "$XEN_BASE" --config x86_64-debug
      --stored --junit junit/boots.xml --out {out}
  allow_failure:
    exit_codes: [{skipped}]
  artifacts:
    when: always
    expose_as: Boot matrix
    expire_in: 30 days
    paths: [{out}/matrix/]
    reports:
      junit: junit/boots.xml
"""


def cells(patches: Mapping[str, int], *, every_patch: bool = False) -> list[tuple[str, str]]:
    """(row, guest) of every job, in order.

    :param patches: label of a stage to the number of its patches.
    """
    return [(row, guest) for row in row_names(patches, every_patch=every_patch) for guest in choose_guests(None)]


def job_name(row: str, guest: str) -> str:
    """The job of a cell."""
    return f"boot {row} {guest}"


def pipeline(patches: Mapping[str, int], *, every_patch: bool = False) -> str:
    """The pipeline's YAML.

    :param patches: label of a stage, ``01_merge_hcall_tables`` and so on, to the number of its patches.
    """
    names = {
        "numbers": " ".join(label[:2] for label in patches),
        "every": " --every-patch" if every_patch else "",
        "out": OUT,
        "skipped": str(int(Exit.SKIPPED)),
        "infra": str(int(Exit.INFRA)),
    }
    rows = row_names(patches, every_patch=every_patch)
    jobs = [_job(row, guest, rows) for row, guest in cells(patches, every_patch=every_patch)]
    needs = "\n".join(_need(job_name(rows[-1], guest)) for guest in choose_guests(None))
    return "\n".join([_HEAD.format(**names), *jobs, _REPORT.format(**names, needs=needs)])


def _job(row: str, guest: str, rows: Sequence[str]) -> str:
    lines = [f"{job_name(row, guest)}:", "  extends: .cell", "  variables:", f"    POINT: {row}", f"    GUEST: {guest}"]
    lines += ["  needs:", "    - {job: boot-image, optional: true}"]
    if row != rows[0]:
        lines.append(_need(job_name(rows[rows.index(row) - 1], guest)))
    return "\n".join(lines) + "\n"


def _need(job: str) -> str:
    return f"    - {{job: {job}, artifacts: true}}"
