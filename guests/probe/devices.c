/*
 * Which emulated devices answer.  A device answers when something written to it can be read
 * back, or when a register holds what no empty port holds (all ones).  What was changed is
 * put back.  References: the data sheets of the parts (8259A, 8254, MC146818, 16550, IA-PC
 * HPET specification 1.0a, 82093AA), PCI 3.0 section 3.2.2.3.2, Intel SDM volume 3.
 */
#include "probe.h"

static void answers(const char *key, int yes)
{
    cell(key, yes ? "answers" : "silent");
}

/* The mask register of an 8259A can be read and written. */
static int pic(u16 port)
{
    u8 before = inb(port), first, second;

    outb(port, 0xfb);
    first = inb(port);
    outb(port, 0xef);
    second = inb(port);
    outb(port, before);
    return first == 0xfb && second == 0xef;
}

/* The 8254's read-back command tells the mode that a counter was given. */
static int pit_mode(u8 control)
{
    outb(0x43, control);
    outb(0x42, 0x34);
    outb(0x42, 0x12);
    outb(0x43, 0xe8);                   /* latch the status of counter 2 */
    return (inb(0x42) & 0x3f) == (control & 0x3f);
}

static int pit(void)
{
    int mode0 = pit_mode(0xb0), mode2 = pit_mode(0xb4);

    return mode0 && mode2;
}

static int rtc(void)
{
    u8 before, first, second;

    outb(0x70, 0x01);                   /* seconds of an alarm that is not enabled */
    before = inb(0x71);
    outb(0x71, 0x15);
    first = inb(0x71);
    outb(0x70, 0x01);
    outb(0x71, 0x42);
    second = inb(0x71);
    outb(0x70, 0x01);
    outb(0x71, before);
    return first == 0x15 && second == 0x42;
}

static int cf8(void)
{
    u32 first, second;

    outl(0xcf8, 0x80000000);
    first = inl(0xcf8);
    outl(0xcf8, 0x80000008);
    second = inl(0xcf8);
    return first == 0x80000000 && second == 0x80000008;
}

static int host_bridge(void)
{
    u32 id;

    outl(0xcf8, 0x80000000);
    id = inl(0xcfc);
    outl(0xcf8, 0);
    return id != 0xffffffff && id != 0;
}

/* What only a device model has: a UART's scratch register, a keyboard controller, the
   magic number of Xen's platform device. */
static int scratch(u16 port)
{
    u8 first;

    outb(port, 0x5a);
    first = inb(port);
    outb(port, 0xa5);
    return first == 0x5a && inb(port) == 0xa5;
}

static int mmio(u64 address)
{
    u32 value = read_mmio(address);

    return !guard_vector && value != 0xffffffff && value != 0;
}

static int io_apic(void)
{
    *(volatile u32 *)0xfec00000 = 1;    /* select the version register */
    return mmio(0xfec00010);
}

void measure_devices(const struct entry *entry)
{
    int uart = scratch(0x3ff), keyboard = inb(0x64) != 0xff, platform = inw(0x10) == 0x49d2;

    answers("device.pic.master", pic(0x21));
    answers("device.pic.slave", pic(0xa1));
    answers("device.pit", pit());
    answers("device.rtc", rtc());
    answers("device.pm_timer.1f48", inl(0x1f48) != 0xffffffff);
    answers("device.pm_timer.b008", inl(0xb008) != 0xffffffff);
    answers("device.pci.cf8", cf8());
    answers("device.pci.host_bridge", host_bridge());
    answers("device.model.uart", uart);
    answers("device.model.keyboard", keyboard);
    answers("device.model.platform", platform);
    answers("device.ioreq_server", uart || keyboard || platform);
    if ( !entry->mmio )
    {
        /* Xen ends a PVHv1 guest that touches what is not RAM: asking would be the last line. */
        cell("device.hpet", "untried");
        cell("device.lapic", "untried");
        cell("device.io_apic", "untried");
        return;
    }
    answers("device.hpet", mmio(0xfed00000));
    answers("device.lapic", mmio(0xfee00030));
    answers("device.io_apic", io_apic());
}
