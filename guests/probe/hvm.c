#include "probe.h"

#ifdef CYCLE
const struct entry hvm_entry = {.name = "hvm-cycle", .serial = 1, .mmio = 1, .stays = 1};
#else
const struct entry hvm_entry = {.name = "hvm-probe", .serial = 1, .mmio = 1};
#endif
