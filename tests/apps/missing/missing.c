// SPDX-License-Identifier: GPL-2.0
/* Make a call that is not in the image, by its thunk and by SYSCALL. */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	volatile long nr = SYS_timerfd_create;
	long ret;

	for (int i = 0; i < 2; i++) {
		errno = 0;
		ret = syscall(SYS_epoll_create1, 0);
		printf("missing: by call: %ld, errno %d\n", ret, errno);
	}
	/* Volatile: nobody who reads the code knows the number. */
	__asm__ volatile("syscall"
			 : "=a" (ret)
			 : "0" (nr), "D" (0), "S" (0)
			 : "rcx", "r11", "memory");
	printf("missing: by SYSCALL: %ld\n", ret);
	return 0;
}
