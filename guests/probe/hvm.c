#include "probe.h"

#ifdef CYCLE
const struct entry hvm_entry = {.name = "hvm-cycle", .serial = 1, .mmio = 1, .stays = 1};
#elif defined(SAVE)
const struct entry hvm_entry = {.name = "hvm-save-probe", .serial = 1, .mmio = 1, .again = 1};
#else
const struct entry hvm_entry = {.name = "hvm-probe", .serial = 1, .mmio = 1};
#endif
