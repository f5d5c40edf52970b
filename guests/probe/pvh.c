#include "probe.h"

extern const u8 hypercall_page[];

#ifdef CYCLE
struct entry pvh_entry = {.name = "pvh-cycle", .hypercall_page = hypercall_page, .stays = 1};
#else
struct entry pvh_entry = {.name = "pvh-probe", .hypercall_page = hypercall_page};
#endif

_Static_assert(__builtin_offsetof(struct entry, start_info) == 24, "pvh.S stores rsi there");
