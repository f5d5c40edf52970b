/*
 * dom0's probe: what Xen answers to domctls that a toolstack should not ask, measured by a
 * static program in dom0 through Linux' privcmd.  The interface's version, which differs from
 * tree to tree, is found by trying, and so is how a PVH domain is asked for.
 *
 * Every domain that is created here is destroyed again, and none is started.  Built with BOTH it
 * asks for domains that are HVM and PVH at once, after which RELEASE-4.5.0 answers no domctl any
 * more (built with debug=y it panics): these questions are a program and a cell of their own.
 */
#include "dom0.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef BOTH
#define NAME "dom0-both"
#else
#define NAME "dom0-probe"
#endif
#define HANGS 10000             /* milliseconds after which an answer is not waited for any more */

/* linux/xen/privcmd.h */
struct privcmd_hypercall { uint64_t op, arg[5]; };
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

struct shared *page;

static char lines[1 << 16];    /* printed at the end: what Xen says meanwhile would cut them */
static int privcmd;
static uint32_t version;
static unsigned int count;

void cell(const char *key, const char *detail, const char *value)
{
    printf("probe %s%s=%s\n", key, detail, value);
#ifdef BOTH
    fflush(stdout);             /* the next question may be the last one */
#endif
    count++;
}

void answer(const char *key, const char *detail, int error)
{
    cell(key, detail, name(error));
}

long hypercall(unsigned int op, uint64_t first, uint64_t second)
{
    struct privcmd_hypercall call = {op, {first, second}};
    long done = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

    return done < 0 ? -errno : done;
}

struct domctl *fresh(void)
{
    memset(&page->domctl, 0, sizeof(page->domctl));
    return &page->domctl;
}

int domctl_as(uint32_t cmd, uint16_t domain, uint32_t as)
{
    long done;

    page->domctl.cmd = cmd;
    page->domctl.version = as;
    page->domctl.domain = domain;
    do
        done = hypercall(HC_domctl, (uintptr_t)&page->domctl, 0);
    while ( done == -EAGAIN || done == -EINTR );
    return done < 0 ? -done : 0;
}

int domctl(uint32_t cmd, uint16_t domain)
{
    return domctl_as(cmd, domain, version);
}

const char *name(int error)
{
    static const struct { int error; const char *name; } names[] = {
#define NAMED(e) {e, #e}
        {0, "ok"}, NAMED(EPERM), NAMED(ENOENT), NAMED(ESRCH), NAMED(E2BIG), NAMED(ENOMEM), NAMED(EACCES),
        NAMED(EFAULT), NAMED(EBUSY), NAMED(EEXIST), NAMED(EXDEV), NAMED(ENODEV), NAMED(EINVAL), NAMED(ENOSPC),
        NAMED(ENOSYS), NAMED(EOPNOTSUPP),
    };
    static char other[16];

    for ( unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++ )
        if ( names[i].error == error )
            return names[i].name;
    snprintf(other, sizeof(other), "%d", error);
    return other;
}

static int find_version(void)
{
    for ( version = 1; version < 0x40; version++ )
    {
        fresh();
        if ( domctl(DOMCTL_getdomaininfo, 0) == 0 )
            return 1;
    }
    return 0;
}

int create_domain(uint16_t domain, uint32_t flags, uint32_t without)
{
    struct domctl *ask = fresh();

    ask->u.create.flags = flags;
    ask->u.create.without = without;
    return domctl(DOMCTL_createdomain, domain);
}

int destroy_domain(uint16_t domain)
{
    fresh();
    return domctl(DOMCTL_destroydomain, domain);
}

/* What getdomaininfo says of a new domain. */
static void kind(uint16_t domain, char *text, size_t size)
{
    const struct domctl *told = fresh();
    int hvm, pvh;

    if ( domctl(DOMCTL_getdomaininfo, domain) || told->u.info.domain != domain )
    {
        snprintf(text, size, "created:unreported");
        return;
    }
    hvm = !!(told->u.info.flags & INFO_hvm);
    pvh = !!(told->u.info.flags & INFO_pvh);
    snprintf(text, size, "created:%s%s", hvm ? "hvm" : pvh ? "" : "pv", pvh ? "pvh" : "");
    if ( told->u.info.without )
        snprintf(text + strlen(text), size - strlen(text), ":without_0x%x", told->u.info.without);
}

void create(const char *key, const char *detail, uint32_t flags, uint32_t without)
{
    char text[60];
    int error = create_domain(DOMAIN, flags, without);

    if ( error )
    {
        answer(key, detail, error);
        return;
    }
    kind(DOMAIN, text, sizeof(text));
    error = destroy_domain(DOMAIN);
    if ( error )
        snprintf(text + strlen(text), sizeof(text) - strlen(text), ":%s", name(error));
    cell(key, detail, text);
}

/* Whether a domctl is still answered. */
static int answers(const char *key)
{
    struct pollfd reply = {.events = POLLIN};
    int ends[2], yes;
    pid_t child;

    if ( pipe(ends) != 0 || (child = fork()) < 0 )
        exit(2);
    if ( child == 0 )
    {
        fresh();
        (void)!write(ends[1], domctl(DOMCTL_getdomaininfo, 0) ? "n" : "y", 1);
        _exit(0);
    }
    reply.fd = ends[0];
    yes = poll(&reply, 1, HANGS) == 1;
    if ( !yes )
        kill(child, SIGKILL);
    cell("domctl.after.", key, yes ? "answers" : "hangs");
    return yes;
}

int main(void)
{
    char text[16];
#ifndef BOTH
    uint32_t all;
#endif

    setvbuf(stdout, lines, _IOFBF, sizeof(lines));
    printf("xenstage-guest " NAME " " NONCE " hello\n");
    fflush(stdout);
    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if ( privcmd < 0 )
        privcmd = open("/proc/xen/privcmd", O_RDWR | O_CLOEXEC);
    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if ( privcmd < 0 || page == MAP_FAILED || !find_version() )
    {
        printf("no domctl: %s\n", strerror(errno));
        return 1;
    }
    snprintf(text, sizeof(text), "%u", version);
    cell("domctl.version", "", text);
#ifdef BOTH
    create("createdomain.", "hvm_pvh", CDF_hvm | CDF_pvh, 0);
    if ( answers("hvm_pvh") )
        create("createdomain.", "hvm_pvh_hap", CDF_hvm | CDF_pvh | CDF_hap, 0);
    answers("hvm_pvh_hap");
#else
    create("createdomain.", "pv", 0, 0);
    create("createdomain.", "hvm", CDF_hvm, 0);
    create("createdomain.", "hvm_hap", CDF_hvm | CDF_hap, 0);
    create("createdomain.", "pvh", CDF_pvh, 0);
    create("createdomain.", "pvh_hap", CDF_pvh | CDF_hap, 0);
    create("createdomain.", "unknown_flag", CDF_unknown, 0);
    versions();
    all = find_without();
    if ( all )
        absent();
    constraints("hvm.", CDF_hvm | CDF_hap, 0);
    constraints("pvh.", (all ? CDF_hvm : CDF_pvh) | CDF_hap, all);
    answers("all");
#endif
    sleep(1);                   /* so that Xen has said all of it */
    printf("xenstage-guest " NAME " " NONCE " probe-end %u\n", count);
    return 0;
}
