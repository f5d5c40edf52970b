/*
 * The PVHv1 probe's entry (Xen 4.4 to 4.9, pvh=1): ring 0, 64-bit, paging on, everything
 * mapped one to one from virtual address 0, rsi the address of the start_info page.
 */
        .section .head, "ax"
        .code64
        .globl pvh_start
pvh_start:
        cli
        cld
        movq $page_tables, %rax
        movq %rax, %cr3
        movq %rsi, pvh_entry + 24  /* start_info */
        movl $pvh_entry, %edi
        jmp start64

        .data
        .balign 4096
        .globl hypercall_page
hypercall_page:
        .skip 4096

/* xen/include/public/elfnote.h: name, type, value */
        .macro note type, value:vararg
        .balign 4
        .long 4, 2f - 1f, \type
        .asciz "Xen"
1:      \value
2:      .balign 4
        .endm

        .section .note.Xen, "a", @note
        note 6, .asciz "xenstage"               /* GUEST_OS */
        note 5, .asciz "xen-3.0"                /* XEN_VERSION */
        note 8, .asciz "generic"                /* LOADER */
        note 1, .quad pvh_start                 /* ENTRY */
        note 2, .quad hypercall_page            /* HYPERCALL_PAGE */
        note 3, .quad 0                         /* VIRT_BASE */
        note 4, .quad 0                         /* PADDR_OFFSET */
        note 10, .asciz "writable_descriptor_tables|auto_translated_physmap|supervisor_mode_kernel|hvm_callback_vector"

        .section .note.GNU-stack, "", @progbits
