#!/bin/sh
# make test: style, types, then the tests, in this order.  Each gate has its own exit code:
# 11 ruff, 12 mypy, 13 pytest.  XENSTAGE_TESTS holds further arguments for pytest.
# Tests that look at seconds or send signals run first, by themselves (the mark "alone"), then the others in
# XENSTAGE_PROCESSES processes (two where there are two processors); what fails in the first keeps nothing from
# the second.  XENSTAGE_PROCESSES=1: all in one.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
if tree=$(sh ci/tree.sh 2>"${TMPDIR:-/tmp}/xenstage-tree.$$"); then
    echo "make test: the real tree is $tree"
    export XENSTAGE_TREE="$tree"
else
    why=$(tail -1 "${TMPDIR:-/tmp}/xenstage-tree.$$")
    echo "make test: without the Xen tree ($why): the tests in tests/real are skipped"
    export XENSTAGE_NO_TREE="$why"
fi
rm -f "${TMPDIR:-/tmp}/xenstage-tree.$$"
python=$(sh ci/setup.sh dev) || {
    code=$?
    [ $code = 75 ] || exit $code
    echo "make test: NOT DONE: the Python packages cannot be fetched now. No test ran; try again online"
    exit 0
}
export PYTHONPATH="$here"
"$python" -m ruff check -q . || exit 11
"$python" -m ruff format -q --check . || exit 11
sh ci/types.sh "$python" || exit 12
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
processes=${XENSTAGE_PROCESSES:-$([ "$processors" -lt 2 ] && echo 1 || echo 2)}
if [ "$processes" = 1 ] || [ -n "${XENSTAGE_TESTS:-}" ]; then
    "$python" -m pytest -q ${XENSTAGE_TESTS:-} || exit 13
    exit 0
fi
failed=
"$python" -m pytest -q -m alone || { [ $? = 1 ] && failed=1; } || exit 13
"$python" -m pytest -q -m "not alone" --numprocesses "$processes" --dist loadscope --no-loadscope-reorder ||
    { [ $? = 1 ] && failed=1; } || exit 13
[ -z "$failed" ] || { echo "make test: tests failed: see above, in either summary"; exit 13; }
