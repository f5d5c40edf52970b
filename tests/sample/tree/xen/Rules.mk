# SPDX-License-Identifier: GPL-2.0-only
#
# Included by make in each directory of the hypervisor, by way of
#     make -f $(BASEDIR)/Rules.mk -C <directory> <goal>

include $(XEN_ROOT)/Config.mk

override TARGET_SUBARCH := $(XEN_TARGET_ARCH)
override TARGET_ARCH    := $(patsubst x86%,x86,$(patsubst arm%,arm,$(XEN_TARGET_ARCH)))

TARGET := $(BASEDIR)/xen

ifneq ($(debug),y)
CFLAGS += -DNDEBUG
endif

CFLAGS += -nostdinc -fno-builtin -fno-common -Werror -Wredundant-decls
CFLAGS += -fno-stack-protector -fno-exceptions -fno-asynchronous-unwind-tables
CFLAGS += -pipe -g -D__XEN__ -include $(BASEDIR)/include/xen/config.h
CFLAGS += -I$(BASEDIR)/include

ifeq ($(TARGET_SUBARCH),x86_64)
CFLAGS += -msoft-float -mno-red-zone -mno-sse -fpic
endif
ifeq ($(TARGET_SUBARCH),arm64)
CFLAGS += -mcpu=generic -mgeneral-regs-only -fno-pie
endif
ifeq ($(TARGET_SUBARCH),arm32)
CFLAGS += -msoft-float -mcpu=cortex-a15 -fno-pie
endif

CFLAGS-$(XSM_ENABLE)     += -DXSM_ENABLE
CFLAGS-$(HAS_MEM_ACCESS) += -DHAS_MEM_ACCESS
CFLAGS-y                 += -MMD -MF .$(@F).d
CFLAGS += $(CFLAGS-y)
AFLAGS += -D__ASSEMBLY__ $(filter-out -std=gnu%,$(CFLAGS))
LDFLAGS += $(LDFLAGS_DIRECT)

DEPS = .*.d

# The linker sees the pieces in this order.
ALL_OBJS := $(BASEDIR)/common/built_in.o
ALL_OBJS += $(BASEDIR)/drivers/passthrough/built_in.o
ALL_OBJS += $(BASEDIR)/arch/$(TARGET_ARCH)/built_in.o

include Makefile

obj-y += $(patsubst %,%/built_in.o,$(subdir-y))

built_in.o: $(obj-y)
	$(LD) $(LDFLAGS) -r -o $@ $^

.PHONY: FORCE
FORCE:

%/built_in.o: FORCE
	$(MAKE) -f $(BASEDIR)/Rules.mk -C $* built_in.o

.PHONY: clean
clean:: $(addprefix _clean_,$(subdir-all))
	rm -f *.o *.s xen.lds *~ $(DEPS)

_clean_%: FORCE
	$(MAKE) -f $(BASEDIR)/Rules.mk -C $* clean

%.o: %.c Makefile
	$(CC) $(CFLAGS) -c $< -o $@

# Assembly, by way of the preprocessor.
%.o: %.S Makefile
	$(CC) $(AFLAGS) -c $< -o $@

%.i: %.c Makefile
	$(CPP) $(CFLAGS) $< -o $@

%.s: %.c Makefile
	$(CC) $(CFLAGS) -S $< -o $@

-include $(DEPS)
