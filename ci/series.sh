#!/bin/sh
# make series: every written stage, on the Xen tree or, offline, on the sample tree.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
out=${OUT:-out} base=${BASE:-HEAD}
if tree=$(sh ci/tree.sh 2>"${TMPDIR:-/tmp}/xenstage-tree.$$"); then
    echo "make series: on $tree"
else
    why=$(tail -1 "${TMPDIR:-/tmp}/xenstage-tree.$$")
    echo "make series: the Xen tree cannot be had ($why): running the stages on the bundled sample tree instead"
    tree=sample base=HEAD out=$out-sample
fi
rm -f "${TMPDIR:-/tmp}/xenstage-tree.$$"
python=$(sh ci/setup.sh) || {
    code=$?
    [ $code = 75 ] || exit $code
    echo "make series: NOT DONE: the Python packages cannot be fetched now. No series was written; try again online"
    exit 0
}
PYTHONPATH=$here exec "$python" -m xenstage run 01 02 03 04 05 06 --tree "$tree" --base "$base" --out "$out"
