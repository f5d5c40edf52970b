#!/bin/sh
# dom0's part of hvm-linux-save: creates the domain, saves it while it counts, restores it, and shows
# what it prints from then on: numbers that go on where they were.
name=hvm-linux-save
run=${RUN:-/run}
serial=$run/$name.serial

numbers() {
    tr -d '\r' <"$serial" 2>/dev/null | sed -n 's/^count \([0-9]*\)$/\1/p'
}
last() {
    numbers | tail -n 1
}

# counts N: until the domain has counted beyond N.
counts() {
    tries=${TRIES:-240}
    until now=$(last) && [ -n "$now" ] && [ "$now" -gt "$1" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "it does not count; its last line: $(tail -n 1 "$serial")"; return 1; }
        sleep 1
    done
    echo "it counts: $now"
}

# goes_on N: whether the first number is beyond N; a domain that started anew counts from 1.
goes_on() {
    now=$(numbers | head -n 1)
    [ "$now" -gt "$1" ] && return
    echo "it does not go on: $now after $1"
    return 1
}

xl_does() {
    xl "$@" >"$run/save.out" 2>&1
    code=$?
    grep -v 'progress: ' "$run/save.out" | sed 's/^/xl: /'
    echo "xl $1: exit $code"
    return "$code"
}

# What it printed before it was saved is not shown: it is no proof.  Three more: its last line may be half there.
xl_does create xl.cfg && counts 3 && xl_does save $name "$run/saved" && before=$(last) && rm "$serial" &&
    xl_does restore "$run/saved" && counts "$((before + 3))" && goes_on "$before" && cat "$serial" || tail -n 5 /var/log/xen/qemu-dm-$name.log*
xl destroy $name >/dev/null 2>&1
