// SPDX-License-Identifier: GPL-2.0
/*
 * After a resume from a snapshot: new randomness, and the time.
 *
 * Who resumes the machine injects an NMI before its first instruction; that
 * works on all machine types and needs no device. A thread of the highest
 * priority does the rest before the application comes to run on this CPU. A
 * hypervisor with a VM generation ID tells its driver, which ends in
 * resume_notify() as well.
 */
#include <linux/cpufeature.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <asm/io.h>
#include <asm/mach_traps.h>
#include <asm/nmi.h>

static struct kthread_worker *resume_worker;

/*
 * The clock of the machine has the host's time again, ours that of the snapshot.
 * CMOS counts whole seconds: take the middle of one, and do not set a clock that
 * may be right.
 */
static int resume_notify(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	struct timespec64 machine, now;

	read_persistent_clock64(&machine);
	if (!machine.tv_nsec)
		machine.tv_nsec = NSEC_PER_SEC / 2;
	ktime_get_real_ts64(&now);
	if (timespec64_sub(machine, now).tv_sec >= 1)
		do_settimeofday64(&machine);
	return NOTIFY_OK;
}

static struct notifier_block resume_nb = {
	.notifier_call = resume_notify,
};

/* The seed itself is RDRAND's; the time only serves as an identity. */
static void resume_thread(struct kthread_work *work)
{
	struct timespec64 machine;

	read_persistent_clock64(&machine);
	add_vmfork_randomness(&machine, sizeof(machine));
}

static DEFINE_KTHREAD_WORK(resume_work, resume_thread);

static void resume_irq(struct irq_work *work)
{
	kthread_queue_work(resume_worker, &resume_work);
}

static DEFINE_IRQ_WORK(resume_irq_work, resume_irq);

static int resume_nmi(unsigned int type, struct pt_regs *regs)
{
	/* Not an error that a device tells of, nor a wish for a dump. */
	if (type == NMI_SERR ? inb(NMI_REASON_PORT) != 0xff : unknown_nmi_panic)
		return NMI_DONE;
	irq_work_queue(&resume_irq_work);
	return NMI_HANDLED;
}

static int __init resume_init(void)
{
	int ret;

	resume_worker = kthread_create_worker(0, "ukl-resume");
	if (IS_ERR(resume_worker))
		return PTR_ERR(resume_worker);
	sched_set_fifo(resume_worker->task);

	if (!boot_cpu_has(X86_FEATURE_RDRAND))
		pr_warn("ukl: no RDRAND: random numbers after a resume can be guessed\n");
	ret = register_random_vmfork_notifier(&resume_nb);
	/* Without port 0x61 (microvm) an NMI seems to be a PCI error. */
	ret = ret ?: register_nmi_handler(NMI_SERR, resume_nmi, 0, "ukl-resume");
	return ret ?: register_nmi_handler(NMI_UNKNOWN, resume_nmi, 0,
					   "ukl-resume");
}
late_initcall(resume_init);
