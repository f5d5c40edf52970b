/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls the sample tree's hvm_do_hypercall() for each guest type, mode and
 * number, and prints which handler was reached with which first arguments and
 * what the whole register holds afterwards.  Built with the tree's own flags;
 * everything that hvm.o wants is a stub that takes note of itself.
 */
#include <xen/lib.h>
#include <xen/sched.h>
#include <public/xen.h>
#include <asm/hvm/hvm.h>

extern int printf(const char *format, ...);
extern void *memset(void *where, int byte, unsigned long size);
extern char reached[];

struct vcpu *harness_current;

static struct domain dom;
static struct vcpu v;
static char buffer[256];

/* Every argument but the first is the address of zeroes, below 4 GiB. */
static void arguments(struct cpu_user_regs *regs, int mode, uint64_t first)
{
    uint64_t zeroes = (unsigned long)buffer;

    memset(buffer, 0, sizeof(buffer));
    regs->rbx = regs->rcx = regs->rdx = regs->rsi = regs->rdi = zeroes;
    regs->rbp = regs->r8 = regs->r9 = regs->r10 = zeroes;
    if ( mode == 8 )
        regs->rdi = first;
    else
        regs->rbx = first;
}

static void guest(int pvh)
{
    memset(&dom, 0, sizeof(dom));
    memset(&v, 0, sizeof(v));
    v.domain = &dom;
    harness_current = &v;
    dom.guest_type = guest_type_hvm;
#ifdef PVH_IS_A_FLAG
    dom.is_pvh = pvh;
#else
    if ( pvh )
        dom.guest_type = guest_type_pvh;
#endif
}

int main(void)
{
    static const int modes[] = { 8, 4 };
    static const uint64_t first[] = { 0, 6, 9, 17, 0x100000009ul, 0x80000009ul };
    unsigned int pvh, m, nr, c;

    for ( pvh = 0; pvh < 2; pvh++ )
        for ( m = 0; m < 2; m++ )
            for ( nr = 0; nr < NR_hypercalls + 2; nr++ )
                for ( c = 0; c < sizeof(first) / sizeof(first[0]); c++ )
                {
                    struct cpu_user_regs regs;
                    int rc;

                    guest(pvh);
                    v.arch.hvm_vcpu.long_mode = modes[m] == 8;
                    v.arch.hvm_vcpu.guest_cr[0] = 0x80000000u;
                    memset(&regs, 0x5a, sizeof(regs));
                    regs.rax = 0xa5a5a5a500000000ul | nr; /* the upper half shows widths */
                    arguments(&regs, modes[m], first[c]);
                    reached[0] = 0;
                    rc = hvm_do_hypercall(&regs);
                    printf("%s %d %u %lx: %s -> %d %lx\n",
                           pvh ? "pvh" : "hvm", modes[m] == 8 ? 64 : 32, nr,
                           (unsigned long)first[c], reached, rc,
                           (unsigned long)regs.rax);
                }
    return 0;
}
