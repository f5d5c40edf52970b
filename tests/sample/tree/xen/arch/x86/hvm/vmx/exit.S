/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the processor goes when a guest in a container stops. */
        .section .text.exit, "ax", @progbits
        .globl vmx_exit
vmx_exit:
        call  vmx_vmexit_handler
        ret

        .section .note.GNU-stack, "", @progbits
