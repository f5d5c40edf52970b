#!/bin/sh
# make mutants: the catch table, on the Xen tree if it can be had (with the mutants that need
# a build), else on the sample.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
tree=$(sh ci/tree.sh 2>/dev/null) || tree=sample
[ "$tree" != sample ] || echo "make mutants: without the Xen tree, on the bundled sample"
python=$(sh ci/setup.sh dev)
PYTHONPATH=$here exec "$python" -m tests.mutants "$tree" --builds
