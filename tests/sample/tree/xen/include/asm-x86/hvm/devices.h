/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_HVM_DEVICES_H
#define ASM_X86_HVM_DEVICES_H

struct domain;
struct vcpu;

int hvm_devices_initialise(struct domain *d);
void hvm_devices_destroy(struct domain *d);
void hvm_devices_migrate(struct vcpu *v);

#endif /* ASM_X86_HVM_DEVICES_H */
