/* What a second VCPU runs: one word to 0x8ff0, then nothing more. */
        .section .rodata
        .globl smp_real_mode, smp_real_mode_end
        .code16
smp_real_mode:                      /* copied to 0x8000 */
        cli
        xorw %ax, %ax
        movw %ax, %ds
        movw $0x5a5a, 0x8ff0
1:      hlt
        jmp 1b
smp_real_mode_end:

        .text
        .code64
        .globl smp_long_mode
smp_long_mode:                      /* on our page tables, interrupts off */
        movw $0x5a5a, 0x8ff0
1:      hlt
        jmp 1b

        .section .note.GNU-stack, "", @progbits
