/* Text out: over emulated com1, or over the ring of the PV console. */
#include "probe.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define TRANSMIT_EMPTY 0x20
#define FIFO 16
#define PATIENCE 1000000u           /* rounds that a console may take before text is dropped */

static struct console_ring *ring;
static u32 ring_port;
static int serial;
static char fifo[FIFO];
static u32 waiting;

static void notify(void)
{
    u32 send = ring_port;

    hypercall64(HC_event_channel_op, EVTCHNOP_send, (u64)&send, 0, 0, 0);
}

static void yield(void)
{
    hypercall64(HC_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
}

/* Sixteen bytes in one instruction: each exit to a device model is dear under emulation. */
static void flush_serial(void)
{
    const char *from = fifo;
    u64 count = waiting;

    for ( u32 i = 0; i < PATIENCE && !(inb(LINE_STATUS) & TRANSMIT_EMPTY); i++ )
        ;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(COM1) : "memory");
    waiting = 0;
}

static void put_ring(char c)
{
    u32 i;

    for ( i = 0; i < PATIENCE && ring->out_prod - ring->out_cons >= sizeof(ring->out); i++ )
    {
        if ( !i )
            notify();
        yield();
    }
    if ( i == PATIENCE )
        return;
    ring->out[ring->out_prod % sizeof(ring->out)] = c;
    __asm__ volatile("" : : : "memory");    /* x86 keeps stores in order, compilers do not */
    ring->out_prod++;
    if ( c == '\n' )
        notify();
}

static void put_char(char c)
{
    if ( !serial )
    {
        put_ring(c);
        return;
    }
    fifo[waiting++] = c;
    if ( waiting == FIFO || c == '\n' )
        flush_serial();
}

void console_open(const struct entry *entry)
{
    serial = entry->serial;
    if ( serial )
    {
        outb(COM1 + 1, 0);                  /* no interrupts */
        outb(COM1 + 3, 0x80);               /* 115200, 8n1 */
        outb(COM1, 1);
        outb(COM1 + 1, 0);
        outb(COM1 + 3, 0x03);
        outb(COM1 + 2, 0x07);               /* FIFO on and empty */
        return;
    }
    ring = (struct console_ring *)(entry->start_info->console_gfn << 12);
    ring_port = entry->start_info->console_port;
}

/* Wait until the other side has all, so that ending the domain loses nothing. */
void console_drain(void)
{
    if ( serial )
    {
        if ( waiting )
            flush_serial();
        return;
    }
    notify();
    for ( u32 i = 0; i < PATIENCE && ring->out_cons != ring->out_prod; i++ )
        yield();
}

void put(const char *text)
{
    for ( ; *text; text++ )
    {
        if ( *text == '\n' )
            put_char('\r');
        put_char(*text);
    }
}

void put_hex(u64 value, int digits)
{
    while ( digits-- )
    {
        u32 d = (value >> (4 * digits)) & 15;

        put_char(d < 10 ? '0' + d : 'a' + d - 10);
    }
}

void put_dec(u64 value)
{
    if ( value >= 10 )
        put_dec(value / 10);
    put_char('0' + value % 10);
}
