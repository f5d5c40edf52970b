# -*- mode: Makefile; -*-
# SPDX-License-Identifier: GPL-2.0-only

# Optional local settings.
-include $(XEN_ROOT)/.config

# Build with assertions?  With security hooks?  With clang?
debug      ?= n
XSM_ENABLE ?= n
clang      ?= n

XEN_COMPILE_ARCH ?= $(shell uname -m | sed -e s/amd64/x86_64/ \
                      -e s/aarch64/arm64/ -e 's/armv[78].*/arm32/')
XEN_TARGET_ARCH  ?= $(XEN_COMPILE_ARCH)

PYTHON ?= python

LD      = $(CROSS_COMPILE)ld
ifeq ($(clang),y)
CC      = $(CROSS_COMPILE)clang
else
CC      = $(CROSS_COMPILE)gcc
endif
CPP     = $(CC) -E
NM      = $(CROSS_COMPILE)nm
OBJCOPY = $(CROSS_COMPILE)objcopy

CFLAGS += -std=gnu99 -fno-strict-aliasing
CFLAGS += -Wall -Wstrict-prototypes -Wdeclaration-after-statement

ifeq ($(debug),y)
CFLAGS += -O1 -fno-omit-frame-pointer
else
CFLAGS += -O2 -fomit-frame-pointer
endif

CONFIG_X86-x86_64    := y
CONFIG_X86           := $(CONFIG_X86-$(XEN_TARGET_ARCH))
CONFIG_COMPAT        := $(CONFIG_X86)
HAS_MEM_ACCESS       := $(CONFIG_X86)

ifeq ($(XEN_TARGET_ARCH),x86_64)
CFLAGS         += -m64
LDFLAGS_DIRECT += -melf_x86_64
else
LDFLAGS_DIRECT += -EL
endif
ifeq ($(XEN_TARGET_ARCH),arm32)
CFLAGS         += -marm
endif
