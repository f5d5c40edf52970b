/* SPDX-License-Identifier: GPL-2.0-only */
/* Bindings for OCaml, in the other layout. */
#include <xenctrl.h>

static int domain_create_flag_table[] = {
	XEN_DOMCTL_CDF_hvm_guest,
	XEN_DOMCTL_CDF_hap,
};

CAMLprim value stub_xc_domain_create(value xch, value ssidref, value flags)
{
	CAMLparam3(xch, ssidref, flags);
	uint32_t domid = 0;
	unsigned int c_flags = 0;
	xen_domain_handle_t h = { 0 };
	value l;
	int rc;

	for (l = flags; l != Val_none; l = Field(l, 1))
		c_flags |= domain_create_flag_table[Int_val(Field(l, 0))];

	caml_enter_blocking_section();
	rc = xc_domain_create(_H(xch), Int32_val(ssidref), h, c_flags, &domid);
	caml_leave_blocking_section();

	if (rc < 0)
		failwith_xc(_H(xch));

	CAMLreturn(Val_int(domid));
}

static value alloc_domaininfo(xc_domaininfo_t *info)
{
	CAMLparam0();
	CAMLlocal1(result);

	result = caml_alloc_tuple(2);
	Store_field(result, 0, Val_int(info->domain));
	Store_field(result, 1, Val_bool(info->flags & XEN_DOMINF_hvm_guest));

	CAMLreturn(result);
}
