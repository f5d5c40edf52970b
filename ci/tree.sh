#!/bin/sh
# Find the Xen tree: $XEN_SRC, or the submodule, fetched if need be.  Prints its path.
# Exit 75: it cannot be had now; the reason is the last line on stderr.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${XEN_SRC:-}" ]; then echo "$XEN_SRC"; exit 0; fi
cd "$here" || exit 1
# In a hook, these name the hook's repository; below it is this one and its submodule that are meant.
unset $(git rev-parse --local-env-vars | grep -v '^GIT_CONFIG')
# Whatever commit is checked out there is the user's to decide.
if [ -e xen-src/.git ] && git -C xen-src rev-parse -q --verify HEAD^{commit} >/dev/null 2>&1; then
    echo "$here/xen-src"
    exit 0
fi
git rev-parse -q --verify :xen-src >/dev/null 2>&1 || { echo "this is not a git clone with the submodule xen-src" >&2; exit 75; }
url=$(git config -f .gitmodules submodule.xen-src.url)
# One question first: a network that hangs is given up after 20 s.
timeout 20 git ls-remote -q "$url" HEAD >/dev/null 2>&1 || { echo "no answer from $url" >&2; exit 75; }
GIT_HTTP_LOW_SPEED_LIMIT=1 GIT_HTTP_LOW_SPEED_TIME=20
export GIT_HTTP_LOW_SPEED_LIMIT GIT_HTTP_LOW_SPEED_TIME
git submodule --quiet update --init xen-src >&2 || { echo "the submodule cannot be fetched from $url" >&2; exit 75; }
echo "$here/xen-src"
