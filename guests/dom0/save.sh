#!/bin/sh
# dom0's part of hvm-save-probe: creates the domain, saves it while it runs, restores it, and shows
# what it prints from then on: a table that it began after it was restored.
name=hvm-save-probe
serial=/run/$name.serial

# tables N: until the domain has printed so many.
tables() {
    tries=200
    until [ "$(grep -c ' probe-end ' "$serial" 2>/dev/null)" -ge "$1" ] 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "no table; its last line: $(tail -n 1 "$serial")"; return 1; }
        sleep 1
    done
}

xl_does() {
    xl "$@" >/run/save.out 2>&1
    code=$?
    grep -v 'progress: ' /run/save.out | sed 's/^/xl: /'
    echo "xl $1: exit $code"
    return "$code"
}

xl_does create xl.cfg && tables 1 && xl_does save $name /run/saved && rm "$serial" &&
    xl_does restore /run/saved && tables 2 && sed -n '/ hello/,$p' "$serial"
xl destroy $name >/dev/null 2>&1
