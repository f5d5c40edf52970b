/*
 * dom0's probe: what Xen answers to domctls that a toolstack should not ask, measured by a
 * static program in dom0 through Linux' privcmd.  Numbers and layouts are those of
 * xen/include/public/domctl.h and xen.h, written down by hand; the interface's version, which
 * differs from tree to tree, is found by trying.
 *
 * Every domain that is created here is destroyed again.  Built with BOTH it asks for domains that
 * are HVM and PVH at once, after which RELEASE-4.5.0 answers no domctl any more (built with debug=y
 * it panics): these questions are a program and a cell of their own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define HC_domctl 36
#define DOMCTL_createdomain 1
#define DOMCTL_destroydomain 2
#define DOMCTL_getdomaininfo 5
#define CDF_hvm 1u
#define CDF_hap 2u
#define CDF_pvh 16u
#define CDF_unknown (1u << 30)

#ifdef BOTH
#define NAME "dom0-both"
#else
#define NAME "dom0-probe"
#endif
#define HANGS 10000             /* milliseconds after which an answer is not waited for any more */

/* linux/xen/privcmd.h */
struct privcmd_hypercall { uint64_t op, arg[5]; };
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

/* domctl.h: struct xen_domctl, as far as it is used here */
struct domctl {
    uint32_t cmd, version;
    uint16_t domain, pad[3];
    union {
        struct { uint32_t ssidref; uint8_t handle[16]; uint32_t flags, later[4]; } create;
        struct { uint16_t domain, pad; uint32_t flags; } info;
        uint8_t size[128];
    } u;
};

static int privcmd;
static struct domctl *page;     /* locked memory: Xen reads and writes it */
static uint32_t version;
static unsigned int count;

static void cell(const char *key, const char *detail, const char *value)
{
    printf("probe %s%s=%s\n", key, detail, value);
    fflush(stdout);
    count++;
}

/* 0, or the error's number. */
static int domctl(uint32_t cmd, uint16_t domain)
{
    struct privcmd_hypercall call = {HC_domctl, {(uint64_t)(uintptr_t)page}};
    int done;

    page->cmd = cmd;
    page->version = version;
    page->domain = domain;
    do
        done = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
    while ( done < 0 && (errno == EAGAIN || errno == EINTR) );
    return done < 0 ? errno : 0;
}

static const char *name(int error)
{
    static char other[16];

    switch ( error )
    {
    case 0: return "ok";
    case EPERM: return "EPERM";
    case ESRCH: return "ESRCH";
    case ENOMEM: return "ENOMEM";
    case EACCES: return "EACCES";
    case EFAULT: return "EFAULT";
    case EINVAL: return "EINVAL";
    case ENOSYS: return "ENOSYS";
    case EOPNOTSUPP: return "EOPNOTSUPP";
    }
    snprintf(other, sizeof(other), "%d", error);
    return other;
}

static int find_version(void)
{
    for ( version = 1; version < 0x40; version++ )
    {
        memset(page, 0, sizeof(*page));
        if ( domctl(DOMCTL_getdomaininfo, 0) == 0 )
            return 1;
    }
    return 0;
}

/* What getdomaininfo says of a new domain: DOMINF_hvm_guest is bit 1, DOMINF_pvh_guest bit 7. */
static void kind(uint16_t domain, char *text, size_t size)
{
    int error;

    memset(page, 0, sizeof(*page));
    error = domctl(DOMCTL_getdomaininfo, domain);
    if ( error || page->u.info.domain != domain )
        snprintf(text, size, "created:unreported");
    else
        snprintf(text, size, "created:%s%s", page->u.info.flags & 2 ? "hvm" : "",
                 page->u.info.flags & 128 ? "pvh" : page->u.info.flags & 2 ? "" : "pv");
}

static void create(const char *key, uint32_t flags)
{
    const uint16_t domain = 77;
    char text[40];
    int error;

    memset(page, 0, sizeof(*page));
    page->u.create.flags = flags;
    error = domctl(DOMCTL_createdomain, domain);
    if ( error )
    {
        cell("createdomain.", key, name(error));
        return;
    }
    kind(domain, text, sizeof(text));
    memset(page, 0, sizeof(*page));
    error = domctl(DOMCTL_destroydomain, domain);
    if ( error )
        snprintf(text + strlen(text), sizeof(text) - strlen(text), ":%s", name(error));
    cell("createdomain.", key, text);
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
        memset(page, 0, sizeof(*page));
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

    printf("xenstage-guest " NAME " " NONCE " hello\n");
    fflush(stdout);
    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if ( privcmd < 0 )
        privcmd = open("/proc/xen/privcmd", O_RDWR | O_CLOEXEC);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if ( privcmd < 0 || page == MAP_FAILED || !find_version() )
    {
        printf("no domctl: %s\n", strerror(errno));
        return 1;
    }
    snprintf(text, sizeof(text), "%u", version);
    cell("domctl.version", "", text);
#ifdef BOTH
    create("hvm_pvh", CDF_hvm | CDF_pvh);
    if ( answers("hvm_pvh") )
        create("hvm_pvh_hap", CDF_hvm | CDF_pvh | CDF_hap);
    answers("hvm_pvh_hap");
#else
    create("pv", 0);
    create("hvm", CDF_hvm);
    create("hvm_hap", CDF_hvm | CDF_hap);
    create("pvh", CDF_pvh);
    create("pvh_hap", CDF_pvh | CDF_hap);
    create("unknown_flag", CDF_unknown);
    answers("all");
#endif
    printf("xenstage-guest " NAME " " NONCE " probe-end %u\n", count);
    return 0;
}
