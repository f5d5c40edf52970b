/*
 * The HVM probe's entry.  Xen's domain builder loads it where it would load hvmloader
 * (xl.cfg: firmware_override) and starts it in 32-bit protected mode without paging.
 * The multiboot header lets a plain emulator start the same file, for tests without Xen.
 */
        .section .head, "ax"
        .balign 4
        .long 0x1badb002, 0, -0x1badb002

        .code32
        .globl hvm_start
hvm_start:
        cli
        cld
        movl %cr4, %eax
        orl $0x20, %eax             /* PAE */
        movl %eax, %cr4
        movl $page_tables, %eax
        movl %eax, %cr3
        movl $0xc0000080, %ecx      /* EFER */
        rdmsr
        orl $0x100, %eax            /* LME */
        wrmsr
        movl %cr0, %eax
        orl $0x80000001, %eax
        movl %eax, %cr0
        lgdt gdt_pointer
        ljmp $0x08, $1f
        .code64
1:      movl $hvm_entry, %edi
        jmp start64

        .section .note.GNU-stack, "", @progbits
