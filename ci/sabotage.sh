#!/bin/sh
# make sabotage: boots that are broken on purpose, and what each was called; with the Xen tree,
# if it can be had, also hypervisors of it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
tree=$(sh ci/tree.sh 2>/dev/null) || tree=
[ -n "$tree" ] || echo "make sabotage: without the Xen tree, no broken hypervisors"
python=$(sh ci/setup.sh dev)
PYTHONPATH=$here exec "$python" -m tests.sabotage ${tree:+"$tree"} "$@"
