/* SPDX-License-Identifier: GPL-2.0-only */
#define LOAD_AT 0xffff82d080000000
#define SEGMENT_ALIGN 0x10000

ENTRY(start)

SECTIONS
{
    . = LOAD_AT;
    .text : { *(.text.entry) *(.text .text.*) }
    . = ALIGN(SEGMENT_ALIGN);
    .rodata : { *(.rodata .rodata.*) *(.data.rel.ro .data.rel.ro.*) }
    . = ALIGN(SEGMENT_ALIGN);
    .data : { *(.data .data.*) }
    .bss : { *(.bss .bss.*) *(COMMON) }
    _end = .;
    /DISCARD/ : { *(.comment) *(.note.*) *(.eh_frame) *(.ARM.exidx*) }
}
