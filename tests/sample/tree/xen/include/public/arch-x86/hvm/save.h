/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of x86 guests. */
#ifndef PUBLIC_ARCH_X86_HVM_SAVE_H
#define PUBLIC_ARCH_X86_HVM_SAVE_H

struct hvm_hw_clock {
    uint64_t ticks;
    uint32_t rate;
};
DECLARE_HVM_SAVE_TYPE(CLOCK, 2, struct hvm_hw_clock);

struct hvm_hw_lamp {
    uint8_t lit;
};
DECLARE_HVM_SAVE_TYPE(LAMP, 3, struct hvm_hw_lamp);

#endif /* PUBLIC_ARCH_X86_HVM_SAVE_H */
