#include "probe.h"

extern const u8 hypercall_page[];

struct entry pvh_entry = {.name = "pvh-probe", .hypercall_page = hypercall_page};

_Static_assert(__builtin_offsetof(struct entry, start_info) == 24, "pvh.S stores rsi there");
