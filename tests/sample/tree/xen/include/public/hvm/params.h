/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be said of a guest in a container, by number. */
#ifndef PUBLIC_HVM_PARAMS_H
#define PUBLIC_HVM_PARAMS_H

#define HVM_PARAM_CALLBACK_IRQ          0
#define HVM_PARAM_VIRIDIAN              1
#define HVM_PARAM_STORE_PFN             2
#define HVM_PARAM_IOREQ_PFN             3
#define HVM_PARAM_TIMER_MODE            4
#define HVM_PARAM_HPET_ENABLED          5
#define HVM_PARAM_ACPI_IOPORTS_LOCATION 6

#endif /* PUBLIC_HVM_PARAMS_H */
