#!/bin/sh
# Process 1 of dom0: the toolstack's daemons, then the one guest that is asked for.
# Everything of ours that the harness reads begins with "xenstage: "; what a guest
# printed begins with "[NAME] ". Nothing else is looked at, except panics.
#
# The guest is named on the kernel's command line (xenstage.guest=NAME, its files in
# this very initramfs), or on the first disk: that is looked at again and again, so
# that a machine that was saved here, waiting, can be given any disk when it is read
# back.
. /etc/xenstage.conf
export PATH LD_LIBRARY_PATH

say() { echo "xenstage: $*"; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /run /tmp
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/xen /run/xenstored /var/lib/xen /var/lib/xenstored /var/log/xen/console
ip link set lo up
for module in $MODULES; do
    insmod "/lib/modules/$module" || say "insmod $module: exit $?"
done
mount -t xenfs xenfs /proc/xen || say "no xenfs"

# Neither daemon is left to put itself into the background: with process 1 as their
# parent those of older trees do not.
xenstored -N &
tries=100
until [ -S /run/xenstored/socket ] || [ -S /var/run/xenstored/socket ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { say "xenstored: no socket"; break; }
    sleep 0.1
done
if [ -n "$INIT_DOM0" ]; then
    "$INIT_DOM0" >/dev/null || say "xen-init-dom0: exit $?"
else
    xenstore-write /local/domain/0/name Domain-0 /local/domain/0/domid 0
fi
xenconsoled -i --log=guest --log-dir=/var/log/xen/console >/dev/null 2>&1 &
say "dom0 up"

# relay NAME FILE: what a guest prints, as it comes, each line with the guest's name.
relay() {
    return_character=$(printf '\r')
    tail -n +1 -F "$2" 2>/dev/null | while IFS= read -r line || [ -n "$line" ]; do
        echo "[$1] ${line%"$return_character"}"
    done
}

check_dom0() {
    xl info >/run/xl.out 2>&1
    code=$?
    # xl info ends well also where every sysctl of it is refused.
    xl list >>/run/xl.out 2>&1 || code=$?
    sed 's/^/xl: /' /run/xl.out
    say "xl info: exit $code"
}

start_guest() {
    if [ ! -r "/guests/$1/xl.cfg" ]; then
        say "no guest $1"
        return
    fi
    cd "/guests/$1"
    relay "$1" "/var/log/xen/console/guest-$1.log" &
    relay "$1" "/run/$1.serial" &
    say "xl create $1: started"
    xl create xl.cfg >/run/xl.out 2>&1
    code=$?
    sed 's/^/xl: /' /run/xl.out
    say "xl create $1: exit $code"
    [ "$code" = 0 ] || return
    while sleep 4; do
        xl domid "$1" >/dev/null 2>&1 || break
    done
    sleep 2 # what it printed last is still being relayed
    say "guest $1: gone"
}

# cycle NAME TIMES: create, wait for the marker's last word, destroy while it runs, and again.
cycle() {
    cd "/guests/$1"
    round=0
    while [ "$round" -lt "$2" ]; do
        round=$((round + 1))
        rm -f "/var/log/xen/console/guest-$1.log" "/run/$1.serial"
        relay "$1" "/var/log/xen/console/guest-$1.log" &
        relay "$1" "/run/$1.serial" &
        say "xl create $1: started"
        xl create xl.cfg >/run/xl.out 2>&1
        code=$?
        sed 's/^/xl: /' /run/xl.out
        say "xl create $1: exit $code"
        [ "$code" = 0 ] || return
        while xl domid "$1" >/dev/null 2>&1; do
            grep -q 'probe-[ef]' "/var/log/xen/console/guest-$1.log" "/run/$1.serial" 2>/dev/null && break
            sleep 1
        done
        sleep 2 # what it printed last is still being relayed
        xl destroy "$1" >/run/xl.out 2>&1
        code=$?
        sed 's/^/xl: /' /run/xl.out
        say "xl destroy $1: exit $code"
        killall tail 2>/dev/null
        [ "$code" = 0 ] || return
    done
}

# A program of dom0's own; what it prints is relayed as a guest's.
run_program() {
    cd "/guests/$1"
    ./program 2>&1 | sed "s/^/[$1] /"
    say "guest $1: gone"
}

serve() {
    say "request $1"
    if [ "$1" = dom0 ]; then
        check_dom0
    elif [ -x "/guests/$1/program" ]; then
        run_program "$1"
    elif [ -r "/guests/$1/times" ]; then
        cycle "$1" "$(cat "/guests/$1/times")"
    else
        start_guest "$1"
    fi
    say "end"
}

for word in $(cat /proc/cmdline); do
    case "$word" in
        xenstage.guest=*) serve "${word#*=}" ;;
    esac
done
if [ -b /dev/vda ]; then
    while :; do
        # Not through the page cache: what was there before the machine was saved is old.
        head=$(dd if=/dev/vda bs=4096 count=1 iflag=direct 2>/dev/null | tr -d '\0')
        case "$head" in
            xenstage-request\ *) break ;;
        esac
        sleep 0.2
    done
    set -- $head
    dd if=/dev/vda bs=1M iflag=direct count="$3" 2>/dev/null | dd bs=4096 skip=1 2>/dev/null | (cd / && cpio -idmu 2>/dev/null) ||
        say "the request's files: exit $?"
    serve "$2"
fi
while :; do sleep 60; done
