"""The textual sweep: whole words, real files, overlays, kept results."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.cache import Cache
from xenstage.index.sweep import Files, Hit, sweep


def _files(root: Path, texts: dict[str, bytes]) -> Files:
    for path, data in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return Files(root, dict.fromkeys(texts, "100644"), {})


@pytest.mark.parametrize(
    ("data", "offsets"),
    [
        (b"is_pvh_domain(d)", [0]),
        (b"is_pvh_domain2(d) xis_pvh_domain(d) is_pvh_domain_x _is_pvh_domain", []),
        (b"!is_pvh_domain(d)&&is_pvh_domain", [1, 19]),
        (b"# is_pvh_domain, is_pvh_domain.", [2, 17]),
        ("é is_pvh_domain".encode(), [3]),
        (b"\xff\x00is_pvh_domain\x00", [2]),
        (b"IS_PVH_DOMAIN", []),
        (b"", []),
    ],
)
def test_whole_words_only(tmp_path: Path, data: bytes, offsets: list[int]) -> None:
    hits = sweep(_files(tmp_path, {"a.c": data}), ["is_pvh_domain"])
    assert hits == [Hit("a.c", o, "is_pvh_domain") for o in offsets]


def test_name_that_begins_another() -> None:
    files = Files(Path("nowhere"), {}, {"a.c": b"is_pvh is_pvh_vcpu is_pvh"})
    found = [(h.offset, h.name) for h in sweep(files, ["is_pvh", "is_pvh_vcpu"])]
    assert found == [(0, "is_pvh"), (7, "is_pvh_vcpu"), (19, "is_pvh")]


def test_every_kind_of_file_in_order(tmp_path: Path) -> None:
    files = _files(tmp_path, {"xen/b.c": b"is_pvh", "docs/a.txt": b"- is_pvh is_pvh", "tools/x.py": b"#is_pvh"})
    found = [(h.path, h.offset) for h in sweep(files, ["is_pvh", "is_pvh"])]
    assert found == [("docs/a.txt", 2), ("docs/a.txt", 9), ("tools/x.py", 1), ("xen/b.c", 0)]


def test_links_submodules_and_untracked_files_are_not_read(tmp_path: Path) -> None:
    files = _files(tmp_path, {"real.h": b"is_pvh", "run.sh": b"is_pvh"})
    (tmp_path / "link.h").symlink_to("real.h")
    (tmp_path / "dangling.h").symlink_to("missing.h")
    (tmp_path / "module").mkdir()
    (tmp_path / "object.o").write_bytes(b"is_pvh")
    tracked = {"real.h": "100644", "run.sh": "100755", "link.h": "120000", "dangling.h": "120000", "module": "160000"}
    files = Files(tmp_path, tracked, {})
    assert files.paths() == ["real.h", "run.sh"]
    assert [h.path for h in sweep(files, ["is_pvh"])] == ["real.h", "run.sh"]


def test_overlay_stands_for_the_checkout(tmp_path: Path) -> None:
    files = _files(tmp_path, {"a.c": b"is_pvh", "b.c": b"is_pvh", "c.c": b""})
    laid = files.with_overlay({"a.c": b"gone"}).with_overlay({"c.c": b"  is_pvh", "new.c": b" is_pvh"})
    assert sweep(laid, ["is_pvh"]) == [Hit("b.c", 0, "is_pvh"), Hit("c.c", 2, "is_pvh"), Hit("new.c", 1, "is_pvh")]
    assert [h.path for h in sweep(files, ["is_pvh"])] == ["a.c", "b.c"]
    assert (laid.read("a.c"), laid.read("b.c"), laid.read("new.c")) == (b"gone", b"is_pvh", b" is_pvh")


def test_files_that_come_go_and_become_links(tmp_path: Path) -> None:
    """What is kept of the checkout is all of it, whoever asks first."""
    plain = _files(tmp_path / "tree", {"a.c": b"is_pvh", "b.c": b"is_pvh"})
    kept = Files(plain.root, plain.tracked, {}, key="tree-1", cache=Cache(tmp_path / "cache"))
    later = kept.with_overlay({"a.c": None, "new.c": b" is_pvh"})
    assert [h.path for h in sweep(later, ["is_pvh"])] == ["b.c", "new.c"]
    assert later.paths() == ["b.c", "new.c"] and later.removed() == {"a.c"}
    assert [h.path for h in sweep(kept, ["is_pvh"])] == ["a.c", "b.c"]
    link = Files(plain.root, {"a.c": "120000", "b.c": "100644"}, {}, "tree-1", kept.cache, kept.memo)
    assert [h.path for h in sweep(link, ["is_pvh"])] == ["b.c"] and link.read("a.c") == b""


def test_reading_what_the_commit_does_not_hold(tmp_path: Path) -> None:
    files = _files(tmp_path, {"a.c": b""})
    (tmp_path / "stray.c").write_bytes(b"x")
    with pytest.raises(KeyError, match=r"stray\.c"):
        files.read("stray.c")


def test_kept_sweeps_equal_fresh_ones(tmp_path: Path) -> None:
    names = ["is_pvh", "guest_type", "absent"]
    plain = _files(tmp_path / "tree", {"a.c": b"guest_type is_pvh", "b/c.h": b"is_pvh is_pvh"})
    kept = Files(plain.root, plain.tracked, {}, key="tree-1", cache=Cache(tmp_path / "cache"))
    fresh = sweep(plain, names)
    assert sweep(kept, names[:1]) == [h for h in fresh if h.name == "is_pvh"]  # keeps one of the names
    assert sweep(kept, names) == fresh
    overlay = {"a.c": b" is_pvh"}
    assert sweep(kept.with_overlay(overlay), names) == sweep(plain.with_overlay(overlay), names)
    assert sweep(kept, names) == fresh  # an overlay's hits were not kept for the checkout


def test_kept_sweeps_are_used_for_their_own_tree_only(tmp_path: Path) -> None:
    plain = _files(tmp_path / "tree", {"a.c": b"is_pvh"})
    cache = Cache(tmp_path / "cache")
    first = Files(plain.root, plain.tracked, {}, key="tree-1", cache=cache)
    wanted = sweep(first, ["is_pvh"])
    (plain.root / "a.c").write_bytes(b"/* */ is_pvh")
    assert sweep(first, ["is_pvh"]) == wanted
    other = Files(plain.root, plain.tracked, {}, key="tree-2", cache=cache)
    assert sweep(other, ["is_pvh"]) == [Hit("a.c", 6, "is_pvh")]


def test_damaged_kept_sweep_is_done_again(tmp_path: Path) -> None:
    plain = _files(tmp_path / "tree", {"a.c": b"is_pvh"})
    kept = Files(plain.root, plain.tracked, {}, key="tree-1", cache=Cache(tmp_path / "cache"))
    wanted = sweep(kept, ["is_pvh"])
    stored = list((tmp_path / "cache").rglob("*.json"))
    assert stored
    for path in stored:
        path.write_bytes(path.read_bytes()[:-3])
    assert sweep(kept, ["is_pvh"]) == wanted
