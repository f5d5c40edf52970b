#!/bin/sh
# Make the Python environment and print its interpreter's path; messages go to stderr.
#
#   ci/setup.sh [dev]     with the tools for "make test" too
#
# The environment lives in the user's cache, named after the pinned requirements and the
# Python version: a second clone, or a machine that is offline by then, has it already.
# Exit 75: it is not there and cannot be fetched now.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
lock=$here/requirements${1:+-$1}.txt
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { echo "$*" >&2; }

need() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 && return 0
    say "setup: $1 is missing; installing $2"
    if [ "$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as=sudo; else
        say "setup: type this, then run again:  sudo apt-get install $2"; exit 5; fi
    quiet="-qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10"
    { timeout 600 $as apt-get $quiet update && timeout 600 $as apt-get $quiet install -y "$2"; } >&2 || {
        say "setup: apt-get failed; type this, then run again:  apt-get install $2"; exit 75; }
}

need git git
need gcc gcc
need make make
need python3 python3
# The tests send series to a server of their own with git send-email.
[ -z "${1:-}" ] || [ -x "$(git --exec-path)/git-send-email" ] || ( need git-send-email git-email ) ||
    say "setup: git send-email is not there: the tests that send are skipped"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "setup: Python 3.11 or later is needed; python3 is $(python3 --version)"; exit 5; }

key=$( { cat "$lock"; python3 -c 'import sys, platform; print(sys.version, platform.machine(), sys.prefix)'; } |
    sha256sum | cut -c1-16)
root=${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}/xenstage-$(id -u)}/.cache}/xenstage/python
python=$root/$key/bin/python
if [ ! -e "$root/$key/complete" ]; then
    mkdir -p "$root"
    fresh=$root/new-$$
    trap 'rm -rf "$fresh"' EXIT
    say "setup: making a Python environment from ${lock##*/}"
    python3 -m venv "$fresh" >/dev/null 2>&1 || {
        rm -rf "$fresh"
        version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        need "ensurepip-of-python$version" "python$version-venv" || true
        python3 -m venv "$fresh" >&2
    }
    # No more tries: a network that hangs is given up in less than 20 s.
    "$fresh/bin/python" -m pip install -q --timeout 9 --retries 0 --require-hashes -r "$lock" >&2 || {
        say "setup: pip cannot fetch the pinned packages"; exit 75; }
    touch "$fresh/complete"
    # A venv's programs hold its path; we only ever call its interpreter, which does not.
    [ -e "$root/$key" ] && mv "$root/$key" "$fresh.old" && rm -rf "$fresh.old"
    mv "$fresh" "$root/$key"
    trap - EXIT
fi
echo "$python"
