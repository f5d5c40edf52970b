/* SPDX-License-Identifier: GPL-2.0-only */
#include <asm/asm-offsets.h>

        .section .text.entry, "ax", @progbits
        .globl start
start:
        movq  UREGS_rax(%rdi), %rax
        andl  $0xffff, %eax
        movl  %eax, %esi
        call  vmx_exit
        ret

        .section .note.GNU-stack, "", @progbits
