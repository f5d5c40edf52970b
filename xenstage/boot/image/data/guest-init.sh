#!/bin/sh
# Process 1 of a Linux guest: says that it is there, in words that only this image
# holds, and what kind of guest the kernel found itself to be.
. /marker
mount -t proc proc /proc
mount -t sysfs sysfs /sys
kind=$(cat /sys/hypervisor/guest_type 2>/dev/null)
if [ -z "$kind" ]; then
    # Before Linux 4.13 only its log says it (xen_banner in arch/x86/xen/enlighten.c, 3.14 to 4.10).
    case $(dmesg | grep 'Booting paravirtualized kernel') in
        *'with PVH extensions on Xen') kind=PVH ;;
        *' on Xen') kind=PV ;;
    esac
fi
# More than once: a line of Xen's own may have come in between.
# On the serial port too, where there is one: not every toolstack serves an HVM guest's Xen console.
for i in 1 2 3; do
    for tty in console ttyS0; do
        echo "xenstage-guest $NAME $NONCE up ${kind:-unknown}" 2>/dev/null >"/dev/$tty"
    done
    sleep 1
done
# One that is saved and restored counts, so that it can be told where it goes on.
case $NAME in
    *-save)
        count=0
        while [ "$count" -lt 600 ]; do
            count=$((count + 1))
            echo "count $count" >/dev/ttyS0
            echo "xenstage-guest $NAME $NONCE up ${kind:-unknown}" >/dev/ttyS0
            sleep 1
        done
        ;;
esac
# Not at once: Xen 4.5 may say "domain_crash" while a guest switches itself off.
sleep 30
poweroff -f
