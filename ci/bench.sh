#!/bin/sh
# make bench: see ci/bench.py.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tree=$(sh "$here/ci/tree.sh") || { echo "make bench: SKIP: it needs the Xen tree"; exit 0; }
python=$(sh "$here/ci/setup.sh")
PYTHONPATH=$here exec "$python" "$here/ci/bench.py" --tree "$tree"
