/* Mode changes, exceptions and the instructions that may raise one. */

#define CS64 0x08
#define DS 0x10
#define CS32 0x18

        .bss
        .balign 16
stack:  .skip 16384
stack_end:

        .data
        .balign 8
        .globl guard_vector, call_with_vmmcall
guard_resume:      .quad 0          /* where an expected exception goes on; 0: none expected */
guard_vector:      .long 0
call_with_vmmcall: .long 0
saved_rsp:         .quad 0

        .balign 16
gdt:    .quad 0
        .quad 0x00af9a000000ffff    /* 64-bit code, ring 0 */
        .quad 0x00cf92000000ffff    /* data */
        .quad 0x00cf9a000000ffff    /* 32-bit code, ring 0 */
gdt_end:
        .globl gdt_pointer
gdt_pointer:
        .word gdt_end - gdt - 1
        .quad gdt
idt_pointer:
        .word 32 * 16 - 1
        .quad idt

        .bss
        .balign 16
idt:    .skip 32 * 16

/*
 * Page tables: the first 4 GB one to one in 2 MB pages, without the 2 MB at 0x50000000
 * (NOWHERE32): RAM, and the MMIO of HPET and both APICs.
 */
        .data
        .balign 4096
        .globl page_tables, pds
page_tables:
        .quad pdpt + 3
        .fill 511, 8, 0
pdpt:   .quad pds + 3, pds + 0x1003, pds + 0x2003, pds + 0x3003
        .fill 508, 8, 0
pds:
        .set page, 0
        .rept 2048
        .if page == 0x50000000
        .quad 0
        .else
        .quad page + 0x83
        .endif
        .set page, page + 0x200000
        .endr

        .text
        .code64
/* From either entry, in 64-bit mode on our page tables: rdi is the struct entry. */
        .globl start64
start64:
        lgdt gdt_pointer
        movl $DS, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        xorl %eax, %eax
        movl %eax, %fs
        movl %eax, %gs
        movq $stack_end, %rsp
        pushq $CS64
        pushq $1f
        lretq
1:      movl $32, %ecx              /* interrupt gates, 16 bytes each */
        movq $idt, %rbx
        movq $vectors, %rdx
2:      movq %rdx, %rax
        movw %ax, (%rbx)
        movw $CS64, 2(%rbx)
        movw $0x8e00, 4(%rbx)
        shrq $16, %rax
        movw %ax, 6(%rbx)
        addq $16, %rbx
        addq $16, %rdx
        loop 2b
        lidt idt_pointer
        call probe_main
3:      cli
        hlt
        jmp 3b

/* One stub per vector, 16 bytes each; those without an error code push one. */
        .balign 16
vectors:
        .set vector, 0
        .rept 32
        .balign 16
        .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
        pushq $0
        .endif
        pushq $vector
        jmp exception
        .set vector, vector + 1
        .endr

        .balign 16
exception:                          /* vector, error, rip, cs, rflags, rsp, ss */
        pushq %rax
        movq 8(%rsp), %rax
        incl %eax
        movl %eax, guard_vector
        movq guard_resume, %rax
        testq %rax, %rax
        jz 1f
        movq $0, guard_resume
        movq %rax, 24(%rsp)
        movq $CS64, 32(%rsp)        /* it may have come from 32-bit code */
        popq %rax
        addq $16, %rsp
        iretq
1:      popq %rax
        popq %rdi
        movq 8(%rsp), %rsi
        call unexpected
2:      hlt
        jmp 2b

        .macro guard label
        movl $0, guard_vector
        movq $\label, guard_resume
        .endm
        .macro unguard
        movq $0, guard_resume
        .endm

/* u64 hypercall64(nr, a, b, c, d, e): registers as Xen's 64-bit ABI has them. */
        .globl hypercall64
hypercall64:
        movq %rdi, %rax
        movq %rsi, %rdi
        movq %rdx, %rsi
        movq %rcx, %rdx
        movq %r8, %r10
        movq %r9, %r8
        xorl %r9d, %r9d
        guard 2f
        cmpl $0, call_with_vmmcall
        jne 1f
        vmcall
        jmp 2f
1:      vmmcall
2:      unguard
        ret

/* u32 hypercall32(regs): the same from a 32-bit code segment of ring 0. */
        .globl hypercall32
hypercall32:
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        movq %rsp, saved_rsp
        guard 3f
        movq %rdi, %r8
        movl (%r8), %eax
        movl 4(%r8), %ebx
        movl 8(%r8), %ecx
        movl 12(%r8), %edx
        movl 16(%r8), %esi
        movl 20(%r8), %edi
        xorl %ebp, %ebp
        pushq $CS32
        pushq $1f
        lretq
        .code32
1:      cmpl $0, call_with_vmmcall
        jne 2f
        vmcall
        ljmp $CS64, $3f
2:      vmmcall
        ljmp $CS64, $3f
        .code64
3:      unguard
        movq saved_rsp, %rsp
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
        movl %eax, %eax
        ret

        .globl read_msr, write_msr, read_mmio
read_msr:
        movl %edi, %ecx
        xorl %eax, %eax
        xorl %edx, %edx
        guard 1f
        rdmsr
1:      unguard
        shlq $32, %rdx
        orq %rdx, %rax
        ret
write_msr:
        movl %edi, %ecx
        movl %esi, %eax
        movq %rsi, %rdx
        shrq $32, %rdx
        guard 1f
        wrmsr
1:      unguard
        ret
read_mmio:
        movl $-1, %eax
        guard 1f
        movl (%rdi), %eax
1:      unguard
        ret

        .section .note.GNU-stack, "", @progbits
