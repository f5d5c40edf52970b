#!/bin/sh
# make harm: do what careless and hostile users do (tests/harm), on the sample and, where there is one, on the real tree.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
python=$(sh ci/setup.sh dev)
export PYTHONPATH="$here"
tree=$(sh ci/tree.sh 2>/dev/null) || tree=
[ -n "$tree" ] || echo "make harm: without the Xen tree, on the bundled sample alone"
exec "$python" -m tests.harm --full ${tree:+--tree "$tree"} "$@"
