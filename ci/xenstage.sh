#!/bin/sh
# Run a verb of xenstage in its own Python environment.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python=$(sh "$here/ci/setup.sh")
XENSTAGE_COMMAND=$0 PYTHONPATH=$here exec "$python" -m xenstage "$@"
