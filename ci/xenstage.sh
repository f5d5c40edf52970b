#!/bin/sh
# Run a verb of xenstage in its own Python environment.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python=$(sh "$here/ci/setup.sh")
PYTHONPATH=$here exec "$python" -m xenstage "$@"
