"""Bugs that the audit met: what PVH guests can reach, and nobody should without the device."""

from __future__ import annotations

from xenstage.effect import Effect
from xenstage.stage.view import View

RULE = "not without the device"
HVM = "xen/arch/x86/hvm/"
LOCAL_APIC = tuple(
    Effect(f"{HVM}hvm.c", function, "pvh", diff=diff, because="there is no such register")
    for function, diff in (
        ("hvm_mov_to_cr", "- vlapic_set_reg(vcpu_vlapic(current), 128, (val & 15) << 4)"),
        (
            "hvm_mov_from_cr",
            "- val = (vlapic_get_reg(vcpu_vlapic(current), 128) & 240) >> 4\n+ val = 0",
        ),
        (
            "hvm_msr_read_intercept",
            "+ goto gp_fault\n- *msr_content = vlapic_tdt_msr_get(vcpu_vlapic(current))\n- break",
        ),
        (
            "hvm_msr_write_intercept",
            "+ goto gp_fault\n- vlapic_tdt_msr_set(vcpu_vlapic(current), msr_content)\n- break",
        ),
    )
)
TASK_PRIORITY = (
    Effect(
        f"{HVM}vmx/vmcs.c",
        "construct_vmcs",
        "pvh",
        diff="""
        - __vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmx_pin_based_exec_control)
        + __vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmx_pin_based_exec_control & -129)
        + v->arch.hvm_vmx.exec_control |= 0x180000
        """,
        because="CR8 is intercepted, and interrupts are not posted",
    ),
)
CALLBACK = (
    Effect(
        f"{HVM}irq.c",
        "hvm_set_callback_via",
        "pvh",
        diff="+ via_type = HVMIRQ_callback_none\n+ if (via_type != HVMIRQ_callback_vector)",
        because="there is no IO-APIC that a wire could lead to",
    ),
)
LACKING = "the registers are those of a device that is not there"


def local_apic(view: View) -> None:
    """The deadline MSR and CR8: both are registers of the local APIC."""
    if not view.sites("vlapic_tdt_msr_get"):
        return  # a tree without the MSR
    read, write = (view.function(f"hvm_msr_{w}_intercept", HVM) for w in ("read", "write"))
    for function, call in (
        (read, "*$content = vlapic_tdt_msr_get(vcpu_vlapic($v:word));"),
        (write, "vlapic_tdt_msr_set(vcpu_vlapic($v:word), $content);"),
    ):
        refusal = "if ( !has_vlapic($v->domain) )\n    goto gp_fault;\n"
        view.rewrite(function, call, refusal + call.replace(":word", ""), rule=RULE, reason=LACKING)
    set_, get = (
        "vlapic_set_reg(vcpu_vlapic($v:word), APIC_TASKPRI, $x);",
        "vlapic_get_reg(vcpu_vlapic($v:word), APIC_TASKPRI)",
    )
    view.rewrite(
        view.function("hvm_mov_to_cr", HVM),
        set_,
        "if ( has_vlapic($v->domain) )\n    " + set_.replace(":word", ""),
        rule=RULE,
        reason=LACKING,
    )
    view.rewrite(
        view.function("hvm_mov_from_cr", HVM),
        f"$to:word = ({get} & $mask) >> $by;",
        f"$to = !has_vlapic($v->domain) ? 0 :\n      ({get.replace(':word', '')} & $mask) >> $by;",
        rule=RULE,
        reason="a guest without a local APIC has no priority",
    )
    view.stay_rest("the local APIC's own, or asked for a guest that has one")


def task_priority(view: View) -> None:
    """CR8 is the processor's own where no local APIC shadows it."""
    if not view.sites("CPU_BASED_TPR_SHADOW"):
        return  # a tree without VMX
    function = view.function("construct_vmcs", HVM)
    off = "$v->arch.hvm_vmx.exec_control &= ~CPU_BASED_TPR_SHADOW;"
    on = """\
$v->arch.hvm_vmx.exec_control &= ~CPU_BASED_TPR_SHADOW;
/* Without a shadow CR8 would be the processor's own. */
$v->arch.hvm_vmx.exec_control |= CPU_BASED_CR8_LOAD_EXITING |
                                CPU_BASED_CR8_STORE_EXITING;"""
    view.rewrite(function, off, on, rule=RULE, reason="CR8 is the TPR, which decides what interrupts the host gets")
    pins = "__vmwrite(PIN_BASED_VM_EXEC_CONTROL, vmx_pin_based_exec_control);"
    less = """\
/* Posted interrupts need the local APIC that they are posted to. */
__vmwrite(PIN_BASED_VM_EXEC_CONTROL,
          has_vlapic(d) ? vmx_pin_based_exec_control
                        : (vmx_pin_based_exec_control &
                           ~PIN_BASED_POSTED_INTERRUPT));"""
    view.rewrite(
        function, pins, less, rule=RULE, reason="the processor refuses them without virtual interrupt delivery"
    )
    view.stay_rest("what the processor can do, or other uses")


def callback(view: View) -> None:
    """Events through a wire need what the wire leads to."""
    if not view.has("hvm_set_callback_via", "function"):
        return  # a tree without callbacks
    gsi = "($t:word == HVMIRQ_callback_gsi) && ($via == 0)"
    clamp = f"if ( ({gsi}) || ($t > HVMIRQ_callback_vector) ) $t = HVMIRQ_callback_none;"
    function = view.function("hvm_set_callback_via", HVM)
    t = view.hole(function, view.one(clamp, function), "t")
    text = f"""\

/* Wires lead to interrupt controllers, where there are any. */
if ( {t} != HVMIRQ_callback_vector && !has_vioapic(d) )
    {t} = HVMIRQ_callback_none;"""
    view.insert_after(
        view.run_of(function, clamp), text, rule=RULE, reason="the next event would go through a missing IO-APIC"
    )
    view.stay_rest("asked elsewhere")
