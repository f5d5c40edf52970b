#include "probe.h"

const struct entry hvm_entry = {.name = "hvm-probe", .serial = 1, .mmio = 1};
