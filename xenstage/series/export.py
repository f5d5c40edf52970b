"""as_mbox, b4_branch: a version in the forms in which it leaves the house.  Nothing is sent."""

from __future__ import annotations

import email
import email.header
import email.policy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formataddr, getaddresses
from pathlib import Path
from typing import Any

from ..errors import Exit, XenstageError
from ..process import Runner
from ..tree.git import Git, Identity
from ..tree.isolation import add_branch, run_on_users
from .versions import Version

_MARKER = "--- b4-submit-tracking ---"
"""b4/ez.py: MAGIC_MARKER; what stands behind it is JSON.  Read with b4 0.12 to 0.16."""


def as_mbox(version: Version, *, recipients: bool = True) -> bytes:
    """The mails of a version in one file, threaded below the cover letter: the same bytes each time.

    :param recipients: whether To and Cc stand in them.
    """
    mails = sorted(version.place.glob("[0-9]*.patch"))
    value = version.value
    domain = "xenstage.invalid"
    stem = hashlib.sha256(b"".join(p.read_bytes() for p in mails)).hexdigest()[:16]
    ids = [f"<{version.place.parent.name}-v{version.number}-{n}-{stem}@{domain}>" for n in range(len(mails))]
    out = []
    for n, path in enumerate(mails):
        head, _, rest = path.read_bytes().partition(b"\n\n")
        rows = [f"Message-Id: {ids[n]}"]
        rows += [f"In-Reply-To: {ids[0]}", f"References: {ids[0]}"] if n else []
        if recipients:
            said = (value["patches"][n - 1] if n else value)["recipients"]
            rows += [_header(name, said[name.lower()]) for name in ("To", "Cc") if said[name.lower()]]
        out.append(head + b"\n" + "\n".join(rows).encode() + b"\n\n" + rest)
    return b"".join(m if m.endswith(b"\n\n") else m.rstrip(b"\n") + b"\n\n" for m in out)


def _header(name: str, addresses: Sequence[str]) -> str:
    """A header of addresses, one a line, names encoded as RFC 2047 has it."""
    rows = [formataddr(pair, "utf-8") for pair in getaddresses(list(addresses))]
    return f"{name}: " + ",\n ".join(rows)


@dataclass(frozen=True)
class Branch:
    """A branch that b4 has enrolled.

    :param tip: the commit that it names.
    :param change_id: by which b4 knows the series through its versions.
    """

    name: str
    tip: str
    change_id: str


def b4_branch(version: Version, git: Git, repo: Path, runner: Runner, *, now: int) -> Branch:
    """Make the new branch ``b4/xenstage-NN-name-vK`` in the user's repository, as ``b4 prep`` would have it.

    The cover letter is an empty commit below the patches (b4's strategy "commit"); what stands under a patch's
    cut stands below a "---" in its message, where b4 sends it from.  b4 asks that these
    commits be the user's own and of the last year: they get the user as committer, and the time now;
    authors and their dates stay.  No branch that is there, and no checkout, is touched.

    :param git: our own repository, which holds the version's commits.
    :param now: seconds since the epoch.
    :raises XenstageError: (TREE) the repository lacks the base; (OUTPUT) it has a branch of that name.
    """
    value = version.value
    base, parent = str(value["base"]), str(value["parent"])
    who = _user_of(repo, runner)
    if run_on_users(runner, repo, ["cat-file", "-e", f"{base}^{{tree}}"]).status:
        raise XenstageError(
            Exit.TREE,
            f"{repo} does not have the base commit of the series",
            why=f"{base} is not there: a branch on it cannot be made",
            remedy=f"git -C '{repo}' fetch --tags origin, or name the clone that the series was made from",
        )
    label = version.place.parent.name
    slug = f"xenstage-{label.replace('_', '-')}"
    change_id = str(value["change_id"])
    tracking = {
        "series": {
            "revision": version.number,
            "change-id": change_id,
            "prefixes": [],
            "prerequisites": _prerequisites(version, base),
        }
    }
    message = (
        f"{_cover_text(version)}\n\n{_MARKER}\n# This section is used internally by b4 prep for tracking purposes.\n"
    )
    tip = git.commit_tree(
        git.tree_of(parent),
        parent,
        message + json.dumps(tracking, indent=2) + "\n",
        author=who,
        date=now,
        committer=who,
    )
    for p in value["patches"]:
        raw = git.need("cat-file", "commit", p["commit"]).decode("utf-8", "surrogateescape")
        name, address, date = git.need("log", "-1", "--format=%an%n%ae%n%at", p["commit"]).decode().split("\n")[:3]
        words, note = raw.partition("\n\n")[2], p.get("notes", "")
        tip = git.commit_tree(
            p["tree"],
            tip,
            f"{words.rstrip()}\n---\n{note}\n" if note else words,
            author=Identity(name, address),
            date=int(date),
            committer=who,
            committed=now,
        )
    pack = git.need("pack-objects", "--revs", "--stdout", "-q", stdin=f"{tip}\n^{base}\n".encode())
    branch = f"b4/{slug}-v{version.number}"
    add_branch(runner, repo, branch, tip, pack)
    return Branch(branch, tip, change_id)


def _user_of(repo: Path, runner: Runner) -> Identity:
    """The user as b4 has it: from the repository's configuration, whatever the environment says."""
    said = [run_on_users(runner, repo, ["config", "--get", f"user.{k}"]).text.strip() for k in ("name", "email")]
    if not all(said):
        raise XenstageError(
            Exit.TOOLS,
            f"git does not know in {repo} who you are",
            why="b4 finds its branches by user.email of the configuration",
            remedy=f"git -C '{repo}' config user.name 'Your Name'\ngit -C '{repo}' config user.email you@example.org",
        )
    return Identity(said[0], said[1])


def _prerequisites(version: Version, base: str) -> list[str]:
    cover = next(iter(version.place.glob("0000-*.patch")))
    found = re.findall(r"^prerequisite-patch-id: ([0-9a-f]+)$", cover.read_text(errors="replace"), re.M)
    return [*(f"patch-id: {f}" for f in found), f"base-commit: {base}"] if found else []


def _cover_text(version: Version) -> str:
    """Subject, text, To and Cc for everybody, and below them what is new and the range-diff."""
    cover = next(iter(version.place.glob("0000-*.patch")))
    mail = email.message_from_bytes(cover.read_bytes(), policy=email.policy.default)
    subject = re.sub(r"^\[[^\]]*\]\s*", "", " ".join(str(mail["Subject"]).split()))
    payload = mail.get_payload(decode=True)
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    body = re.split(r"^[^\n]+ \(\d+\):\n  ", text, maxsplit=1, flags=re.M)[0]  # git's shortlog, which b4 makes itself
    blurb, mark, changes = body.rstrip().partition("\n\nChanges in v")
    diff = re.search(
        r"^Range-diff(?: against v\d+)?:\n.*?(?=\n\nbase-commit: |\n-- \n|\nbase-commit: )", text, re.M | re.S
    )
    said: Mapping[str, Any] = version.value["recipients"]
    people = [f"{name}: {a}" for name in ("To", "Cc") for a in said[name.lower()]]
    below = [f"Changes in v{changes}"] if mark else []
    below += [diff.group().rstrip()] if diff else []
    parts = [subject, blurb.strip("\n"), "\n".join(people)]
    return "\n\n".join(p for p in parts if p) + ("\n\n---\n" + "\n\n".join(below) if below else "")
