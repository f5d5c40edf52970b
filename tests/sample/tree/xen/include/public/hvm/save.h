/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's state as a stream of records, each with a number and a type. */
#ifndef PUBLIC_HVM_SAVE_H
#define PUBLIC_HVM_SAVE_H

/* The length of an array is the record's number. */
#define DECLARE_HVM_SAVE_TYPE(name, number, type) \
    struct hvm_record_ ## name { type body; char c[number]; }

#if defined(__i386__) || defined(__x86_64__)
#include "../arch-x86/hvm/save.h"
#endif

#endif /* PUBLIC_HVM_SAVE_H */
