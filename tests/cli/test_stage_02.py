"""Stage 02 on altered samples: a use of the guest type that it does not know stops it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import ONE, TWO, Repo, apply, evidence, make_repo, numbered, snapshot, tree_of

Change = Callable[[Repo], None]
KERNEL, DOMCTL, DOMAIN = "xen/common/kernel.c", "xen/common/domctl.c", "xen/common/domain.c"
SCHED = "xen/include/xen/sched.h"


def function(body: str) -> str:
    """A function of a domain, to be put into a file."""
    lines = "".join(f"    {line}\n" if not line.startswith("#") else f"{line}\n" for line in body.split("\n"))
    return f"\nint domain_probe(struct domain *d);\n\nint domain_probe(struct domain *d)\n{{\n{lines}}}\n"


def comparison(repo: Repo) -> None:
    """It would silently include PVH guests afterwards."""
    repo.append(DOMAIN, function("if ( d->guest_type == guest_type_hvm )\n    return 1;\n\nreturn 0;"))


def comparison_with_number(repo: Repo) -> None:
    """The values are renumbered."""
    repo.append(DOMAIN, function("return d->guest_type == 2;"))


def copy(repo: Repo) -> None:
    """A copy of the type can be compared anywhere."""
    repo.append(DOMAIN, function("enum guest_type type = d->guest_type;\n\nreturn type;"))


def assignment(repo: Repo) -> None:
    """A type that is set outside domain_create()."""
    repo.append(DOMAIN, function("d->guest_type = guest_type_hvm;\n\nreturn 0;"))


def table(repo: Repo) -> None:
    """A table by type."""
    repo.append(DOMAIN, "\nint domain_costs[] = { [guest_type_pvh] = 3, [guest_type_hvm] = 4 };\n")


def fallthrough(repo: Repo) -> None:
    """A case that goes on into the next."""
    repo.append(
        DOMAIN,
        function(
            "int n = 0;\n\nswitch ( d->guest_type )\n{\ncase guest_type_pvh:\n    n++;\ncase guest_type_hvm:\n"
            "    n++;\n    break;\ndefault:\n    break;\n}\n\nreturn n;"
        ),
    )


def shared_case(repo: Repo) -> None:
    """Two labels for the same statements."""
    repo.append(
        DOMAIN,
        function(
            "int n = 0;\n\nswitch ( d->guest_type )\n{\ncase guest_type_pvh:\ncase guest_type_hvm:\n"
            "    n++;\n    break;\ndefault:\n    break;\n}\n\nreturn n;"
        ),
    )


def busy_default(repo: Repo) -> None:
    """A default that does something."""
    repo.edit(DOMCTL, "    default:\n", "    default:\n        info->flags = 0;\n", after="getdomaininfo(")


def fourth_type(repo: Repo) -> None:
    """A type that the stage has never heard of."""
    repo.edit(SCHED, "guest_type_pvh, guest_type_hvm\n", "guest_type_pvh, guest_type_hvm, guest_type_none\n")


def other_order(repo: Repo) -> None:
    """PV is not 0."""
    repo.edit(SCHED, "guest_type_pv, guest_type_pvh,", "guest_type_pvh, guest_type_pv,")


def directive(repo: Repo) -> None:
    """A case that is there in some builds only."""
    repo.edit(KERNEL, "        case guest_type_pvh:\n", "#ifndef NDEBUG\n        case guest_type_pvh:\n")
    repo.edit(KERNEL, "        case guest_type_hvm:\n", "#endif\n        case guest_type_hvm:\n")


def comment_in_switch(repo: Repo) -> None:
    """A comment that would be lost."""
    repo.edit(KERNEL, "        case guest_type_pvh:\n", "        /* keep me */\n        case guest_type_pvh:\n")


def leaving(repo: Repo) -> None:
    """A case that leaves in the middle."""
    line = "        info->flags |= XEN_DOMINF_hvm_guest;\n"
    repo.edit(DOMCTL, line, f"        if ( d->is_privileged )\n            break;\n{line}")


def other_predicate(repo: Repo) -> None:
    """is_pvh_domain() is written in another way."""
    repo.edit(SCHED, "((d)->guest_type == guest_type_pvh)", "(!((d)->guest_type - guest_type_pvh))")


def new_macro(repo: Repo) -> None:
    """A predicate that the stage does not know."""
    old = "#define is_hvm_vcpu(v)"
    repo.edit(SCHED, old, f"#define is_true_hvm_domain(d) ((d)->guest_type == guest_type_hvm)\n{old}")


def other_claim(repo: Repo) -> None:
    """The comment before the enum says something else."""
    text = repo.read(SCHED)
    start = text.index("/*\n * A third kind")
    end = text.index("enum guest_type {")
    repo.write(SCHED, f"{text[:start]}/* Colours. */\n{text[end:]}")


@pytest.fixture(scope="session")
def first_applied(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose tip holds the first series, so that only the second is to be made."""
    place = tmp_path_factory.mktemp("first")
    repo = make_repo(place / "plain")
    apply(repo.path, repo.head, place / "clone", numbered(reference, ONE))
    return place / "clone"


@pytest.fixture
def after_one(first_applied: Path, tmp_path: Path) -> Repo:
    """A copy of it for a test to change."""
    shutil.copytree(first_applied, tmp_path / "tree", symlinks=True)
    return Repo(tmp_path / "tree")


REFUSED: list[tuple[Change, tuple[str, ...]]] = [
    (comparison, (DOMAIN, "guest_type_hvm", "domain_probe")),
    (comparison_with_number, (DOMAIN, "guest_type", "domain_probe")),
    (copy, (DOMAIN, "guest_type", "domain_probe")),
    (assignment, (DOMAIN, "guest_type_hvm", "domain_probe")),
    (table, (DOMAIN, "guest_type_pvh")),
    (fallthrough, (DOMAIN, "guest_type_pvh", "falls through")),
    (shared_case, (DOMAIN, "guest_type_pvh", "falls through")),
    (busy_default, (DOMCTL, "default")),
    (fourth_type, ("guest_type_none",)),
    (other_order, ("guest_type",)),
    (directive, (KERNEL, "directives")),
    (comment_in_switch, (KERNEL, "comments")),
    (leaving, (DOMCTL, "switch on guest_type")),
    (other_predicate, ("is_pvh_domain",)),
    (new_macro, (SCHED, "is_true_hvm_domain")),
    (other_claim, (SCHED, "Colours")),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[c.__name__ for c, _ in REFUSED])
def test_refused(tool: Tool, tmp_path: Path, after_one: Repo, change: Change, words: tuple[str, ...]) -> None:
    repo = after_one
    change(repo)
    repo.commit()
    before = snapshot(repo.path)
    tool.run("02", tree=repo.path, out=tmp_path / "out").refused(4, "no series was written", *words)
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()


def two_statements(repo: Repo) -> None:
    """Cases of two statements."""
    for flag in ("hvm", "pvh"):
        line = f"        info->flags |= XEN_DOMINF_{flag}_guest;\n"
        repo.edit(DOMCTL, line, f"{line}        info->flags |= 1u << 20;\n")


def no_last_else(repo: Repo) -> None:
    """domain_create() leaves PV as the zeroes that it found."""
    repo.edit(
        DOMAIN,
        "    else\n        /* As a domain that is all zeroes says already. */\n        "
        "d->guest_type = guest_type_pv;\n",
        "",
    )


def layout(repo: Repo) -> None:
    """Other white space and line breaks."""
    repo.edit(DOMCTL, "    switch ( d->guest_type )\n    {\n", "    switch (d -> guest_type) {\n")
    repo.edit(DOMCTL, "    case guest_type_pvh:\n", "    case  guest_type_pvh :\n")
    repo.edit(
        DOMAIN, "    else if ( domcr_flags & DOMCRF_pvh )\n", "    else if (domcr_flags\n             & DOMCRF_pvh)\n"
    )


def more_comments(repo: Repo) -> None:
    """Comments around what changes."""
    repo.edit(DOMCTL, "    switch ( d->guest_type )\n", "    /* By type. */\n    switch ( d->guest_type )\n")
    repo.edit(SCHED, "    enum guest_type guest_type;\n", "    enum guest_type guest_type; /* Fixed. */\n")


def third_switch(repo: Repo) -> None:
    """One more switch of the known kind."""
    repo.append(
        DOMAIN,
        function(
            "int n = 0;\n\nswitch ( d->guest_type )\n{\ncase guest_type_pv:\n    n = 1;\n    break;\n"
            "case guest_type_hvm:\n    n = 2;\n    break;\ndefault:\n    break;\n}\n\nreturn n;"
        ),
    )


WORKS: list[Change] = [two_statements, no_last_else, layout, more_comments, third_switch]


@pytest.mark.parametrize("change", WORKS, ids=lambda c: c.__name__)
def test_works(tool: Tool, tmp_path: Path, after_one: Repo, change: Change) -> None:
    repo, out = after_one, tmp_path / "out"
    change(repo)
    base = repo.commit()
    tool.run("02", tree=repo.path, out=out).good()
    clone = apply(repo.path, base, tmp_path / "clone", numbered(out, TWO))
    top = Path(str(clone.working_dir))
    made = evidence(out, TWO)["patches"]
    touched = {e["path"] for p in made for e in p["edits"]}
    assert {DOMAIN, DOMCTL, KERNEL, SCHED} <= touched
    for path in touched:
        text = (top / path).read_text()
        assert "guest_type_pvh" not in text and "switch ( d->guest_type" not in text
        assert text.count("{") == text.count("}")
    assert tree_of(clone) == made[-1]["tree"]
    if change is two_statements:
        wanted = "    {\n        info->flags |= XEN_DOMINF_hvm_guest;\n        info->flags |= 1u << 20;\n    }\n"
        assert f"if ( is_hvm_domain(d) )\n{wanted}" in (top / DOMCTL).read_text()
