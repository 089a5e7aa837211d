// SPDX-License-Identifier: GPL-2.0
/*
 * What the boot CPU is told before anything depends on its features, and
 * clock frequencies that need no timer chip.
 */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/reboot.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/cpuid.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>
#include <asm/timer.h>
#include <asm/tsc.h>
#include <asm/x86_init.h>
#include <ukl/ukl.h>

/*
 * QEMU's emulated local APIC counts nanoseconds of the machine's clock at
 * divisor 1 (QEMU, hw/intc/apic.c).
 */
#define TCG_LAPIC_HZ		1000000000u
#define MEASURE_NS		2000000u

/*
 * TSC frequency in kHz, by the local APIC timer; 0 when it cannot be used.
 * A machine type without PIT and HPET (microvm) offers nothing else under
 * emulation, and no interrupt would ever come; with a hypervisor that tells
 * the frequencies (KVM), its driver replaces this function.
 */
static unsigned long __init tcg_calibrate_tsc(void)
{
	static unsigned long khz __initdata;
	void __iomem *apic;
	u64 base, tsc;
	u32 left;

	if (khz)
		return khz;

	rdmsrl(MSR_IA32_APICBASE, base);
	if (!(base & MSR_IA32_APICBASE_ENABLE) || (base & X2APIC_ENABLE))
		return native_calibrate_tsc();

	apic = early_ioremap(base & MSR_IA32_APICBASE_BASE, PAGE_SIZE);
	if (!apic)
		return native_calibrate_tsc();

	writel(APIC_LVT_MASKED, apic + APIC_LVTT);
	writel(APIC_TDR_DIV_1, apic + APIC_TDCR);
	writel(U32_MAX, apic + APIC_TMICT);
	tsc = rdtsc_ordered();
	do {
		left = readl(apic + APIC_TMCCT);
	} while (U32_MAX - left < MEASURE_NS);
	tsc = rdtsc_ordered() - tsc;
	writel(0, apic + APIC_TMICT);
	early_iounmap(apic, PAGE_SIZE);

	lapic_timer_period = TCG_LAPIC_HZ / HZ;
	khz = div_u64(tsc * (TCG_LAPIC_HZ / 1000), U32_MAX - left);
	return khz;
}

/*
 * QEMU translates code again when one of these bits changes, as fpu__init_cpu()
 * does after a third of the boot: set them as that will.
 */
static void __init keep_translations(void)
{
	cr4_set_bits(X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT);
	if (boot_cpu_has(X86_FEATURE_XSAVE) && boot_cpu_has(X86_FEATURE_AVX)) {
		cr4_set_bits(X86_CR4_OSXSAVE);
		xsetbv(XCR_XFEATURE_ENABLED_MASK, XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM);
	}
}

/**
 * ukl_early_cpu_init() - adapt the boot CPU to applications at CPL 0
 *
 * SMEP and SMAP forbid CPL 0 to execute and to access user pages (Intel SDM
 * vol. 3, "Access Rights"): give them up, before alternatives and CR4 are set
 * up. IBT, FRED and shadow stacks are excluded by Kconfig.
 */
void __init ukl_early_cpu_init(void)
{
	setup_clear_cpu_cap(X86_FEATURE_SMEP);
	setup_clear_cpu_cap(X86_FEATURE_SMAP);

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return;
	/* No code in option ROMs is of use to Linux on virtual devices. */
	x86_init.resources.probe_roms = x86_init_noop;
	/* Without ACPI, Linux would wait for a keyboard controller: seconds. */
	if (!IS_ENABLED(CONFIG_ACPI))
		reboot_type = BOOT_TRIPLE;
	if (hypervisor_cpuid_base("TCGTCGTCGTCG", 0)) {
		x86_platform.calibrate_cpu = tcg_calibrate_tsc;
		x86_platform.calibrate_tsc = tcg_calibrate_tsc;
		/*
		 * All processors read one clock. Ticks, which a busy host
		 * delays, would pass sentence on it, and each clock_gettime()
		 * become a system call.
		 */
		setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);
		keep_translations();
#ifdef CONFIG_X86_IO_APIC
		/* Takes ten ticks to find what a virtual machine has not got. */
		no_timer_check = 1;
#endif
	}
}
