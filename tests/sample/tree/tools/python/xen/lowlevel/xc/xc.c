/* SPDX-License-Identifier: GPL-2.0-only */
/* Bindings for Python. */
#include <Python.h>
#include <xenctrl.h>

static PyObject *pyxc_domain_create(XcObject *self, PyObject *args)
{
    uint32_t dom = 0, ssidref = 0, flags = 0;
    xen_domain_handle_t handle = { 0xca, 0xfe };

    if ( !PyArg_ParseTuple(args, "ii", &ssidref, &flags) )
        return NULL;

    if ( xc_domain_create(self->xc_handle, ssidref, handle, flags,
                          &dom) < 0 )
        return pyxc_error_to_exception(self->xc_handle);

    return PyInt_FromLong(dom);
}
