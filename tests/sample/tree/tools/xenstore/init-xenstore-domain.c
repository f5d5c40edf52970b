/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain for the store. */
#include <xenctrl.h>

static uint32_t domid;

static int build(xc_interface *xch, uint32_t ssid)
{
	xen_domain_handle_t handle = { 0 };
	int rv;

	rv = xc_domain_create(xch, ssid, handle, 0, &domid);
	if (rv)
		return rv;

	return xc_domain_max_vcpus(xch, domid, 1);
}
