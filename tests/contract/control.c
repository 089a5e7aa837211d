// SPDX-License-Identifier: GPL-2.0
/*
 * Programs of the suite "control", which must end as the name says:
 *
 *	passes		everywhere
 *	differs		only at ring 3
 *	dies		only at ring 3, takes the machine along at CPL 0
 *	hangs		nowhere
 *	late		nowhere, but has a result at ring 3 before it hangs
 *	stuck		nowhere, but has a result at ring 3, where it hangs later
 *	logs		has a result at ring 3, behind what looks like the kernel's log
 *	unsteady	at CPL 0 from the second time on
 *	says		says at CPL 0 that it did not do all
 *	prints		everywhere, but prints at CPL 0 that something failed
 *	warns		the kernel warns of it at CPL 0
 *	relapses	only at ring 3; the kernel warns at CPL 0 from the second time on
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static int warn(void)
{
	char text[40];
	int fd = open("/dev/kmsg", O_WRONLY);

	snprintf(text, sizeof(text), "WARNING: process %d\n", getpid());
	return write(fd, text, strlen(text)) < 0;
}

static void hang(void)
{
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int cs, before;
	char ran[40];

	__asm__("mov %%cs, %0" : "=r" (cs));
	snprintf(ran, sizeof(ran), "/tmp/ran-%s", what);
	before = !access(ran, F_OK);
	close(open(ran, O_CREAT | O_WRONLY, 0600));
	if (!strcmp(what, "differs")) {
		printf("TAP version 13\n1..2\nok 1 process %d\n", getpid());
		printf("%sok 2 ring 3\n", cs & 3 ? "" : "not ");
		return !(cs & 3);
	}
	if (!strcmp(what, "dies") && !(cs & 3))
		reboot(RB_AUTOBOOT);
	if (!strcmp(what, "passes") && !(cs & 3))
		puts("[    1.234567] WARNING: not by the kernel");
	if (!strcmp(what, "hangs"))
		hang();
	if (!strcmp(what, "stuck")) {
		if (cs & 3)
			puts("ok 1 begun");
		hang();
	}
	if (!strcmp(what, "late")) {
		if (!(cs & 3))
			return 1;
		puts("ok 1 early");
		hang();
	}
	if (!strcmp(what, "logs"))
		printf("dmesg: [    1.234567] of the log\n%sok 1 behind\n",
		       cs & 3 ? "" : "not ");
	if (!strcmp(what, "says") && !(cs & 3))
		puts("something was skipped");
	if (!strcmp(what, "prints") && !(cs & 3))
		puts("[FAIL] what has no name at ring 3");
	if (!strcmp(what, "warns") && !(cs & 3))
		return warn();
	if (!strcmp(what, "relapses") && !(cs & 3)) {
		if (before)
			warn();
		return 1;
	}
	if (!strcmp(what, "unsteady"))
		return !(cs & 3) && !before;
	return 0;
}
