#!/bin/sh
# mypy over the toolkit, the tests, and each stage.  A stage's folder begins with a digit,
# which no package may, so that each is looked at under a name with a letter before it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
"$1" -m mypy
links=$(mktemp -d)
trap 'rm -rf "$links"' EXIT
for stage in stages/[0-9]*; do ln -s "$here/$stage" "$links/s${stage##*/}"; done
MYPYPATH=$links:$here "$1" -m mypy --cache-dir "${XDG_CACHE_HOME:-$HOME/.cache}/xenstage/mypy" "$links"/s*/*.py
