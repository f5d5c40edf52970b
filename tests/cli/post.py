"""A local SMTP server that keeps what it is sent, git send-email, git am and b4, for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from .kit import PROJECT, user_environment

B4 = "import sys; from b4.command import cmd; sys.argv[0] = 'b4'; cmd()"


@dataclass
class Sink:
    """What a server was sent.

    :param mails: in the order of their arrival: recipients, bytes.
    """

    port: int = 0
    mails: list[tuple[list[str], bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for each mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append((sorted(envelope.rcpt_tos), envelope.content.replace(b"\r\n", b"\n")))
        return "250 OK"

    def messages(self) -> list[Message]:
        """The mails, parsed."""
        return [message_from_bytes(data) for _, data in self.mails]

    def mbox(self, path: Path, *more: bytes) -> Path:
        """All of it as an mbox."""
        rows = [b"From x Mon Sep 17 00:00:00 2001\n" + d.rstrip(b"\n") + b"\n\n" for d in (*self._data(), *more)]
        path.write_bytes(b"".join(rows))
        return path

    def _data(self) -> list[bytes]:
        return [data for _, data in self.mails]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A server on a free port of this machine."""
    kept = Sink()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        kept.port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port)
    controller.start()
    yield kept
    controller.stop()


def environment(home: Path) -> dict[str, str]:
    """Variables of a user who has a name and nothing else; nothing reaches the network."""
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ann Author\n\temail = ann@example.org\n[b4]\n\tattestation-policy = off\n"
        "[sendemail]\n\tconfirm = never\n[init]\n\tdefaultBranch = main\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**env, "HOME": str(home), "XDG_CACHE_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}


def command() -> str:
    """The tool as a line for a shell."""
    return f"env PYTHONPATH={PROJECT} {sys.executable} -m xenstage"


def send(line: str, sink: Sink, home: Path, cache: Path) -> None:
    """Run a line of git send-email that the tool printed, against the server."""
    if not Path(subprocess.check_output(["git", "--exec-path"], text=True).strip(), "git-send-email").exists():
        pytest.skip("git send-email is not installed: apt-get install git-email")
    env = {**environment(home), "XDG_CACHE_HOME": str(cache)}
    env.update(GIT_CONFIG_COUNT="2", GIT_CONFIG_KEY_0="sendemail.smtpserver", GIT_CONFIG_VALUE_0="127.0.0.1")
    env.update(GIT_CONFIG_KEY_1="sendemail.smtpserverport", GIT_CONFIG_VALUE_1=str(sink.port))
    before = len(sink.mails)
    subprocess.run(["sh", "-c", line], env=env, check=True, capture_output=True, cwd=home, timeout=300)
    assert len(sink.mails) == before  # the line is a dry run
    assert "--dry-run" in line
    done = subprocess.run(
        ["sh", "-c", line.replace("--dry-run", "")], env=env, capture_output=True, text=True, cwd=home, timeout=300
    )
    assert done.returncode == 0, done.stderr


def b4(*argv: str | Path, home: Path, cwd: Path) -> str:
    """Run b4 and return all that it says."""
    full = [sys.executable, "-c", B4, *map(str, argv)]
    done = subprocess.run(full, env=environment(home), capture_output=True, text=True, cwd=cwd, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def git(where: Path, *argv: str | Path, home: Path) -> str:
    """Run git as the user."""
    full = ["git", "-C", str(where), *map(str, argv)]
    done = subprocess.run(full, env=environment(home), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def clone_of(source: Path, base: str, where: Path, home: Path) -> Path:
    """A clean clone at a base."""
    env = {**environment(home), **user_environment(home)}
    subprocess.run(["git", "clone", "-q", source.as_uri(), where], env=env, check=True)
    git(where, "checkout", "-q", "-B", "topic", base, home=home)
    return where


def applied(source: Path, base: str, mbox: Path, where: Path, home: Path) -> tuple[str, list[str]]:
    """The tree that git am makes of an mbox on a clean clone, and the messages."""
    clone = clone_of(source, base, where, home)
    git(clone, "am", "-q", "--empty=drop", mbox, home=home)
    return tree_and_messages(clone, base, home)


def applied_by_b4(
    source: Path, base: str, mbox: Path, message_id: str, where: Path, home: Path
) -> tuple[str, list[str]]:
    """The same, with b4 am looking for the series in the mbox."""
    clone = clone_of(source, base, where, home)
    place = where.parent / f"{where.name}-b4"
    b4("--offline-mode", "am", "-m", mbox, "-o", place, message_id.strip("<>"), home=home, cwd=clone)
    (found,) = place.glob("*.mbx")
    git(clone, "am", "-q", found, home=home)
    shutil.rmtree(place)
    return tree_and_messages(clone, base, home)


def tree_and_messages(clone: Path, base: str, home: Path) -> tuple[str, list[str]]:
    """What is checked out, and how its commits are told."""
    log = git(clone, "log", "--reverse", "--format=%B%x00", f"{base}..HEAD", home=home)
    return git(clone, "rev-parse", "HEAD^{tree}", home=home), [m.strip() for m in log.split("\0") if m.strip()]
