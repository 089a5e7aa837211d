# SPDX-License-Identifier: GPL-2.0
#
# Reduce the system call table to the calls of an image.
#
# usage: awk -f exact.awk -v out=tbl|h|list -v calls="read write..." syscall_64.tbl
#
#   tbl   the table, in which calls that are not named have the entry ukl_missing
#   h     a macro UKL_DROP_sys_... for each function that is not needed
#   list  the names of all calls in the order of their numbers, as C strings

BEGIN {
	n = split(calls, names, " ")
	for (i = 1; i <= n; i++)
		want[names[i]] = 1
	# The kernel makes programs call these.
	want["restart_syscall"] = want["rt_sigreturn"] = 1
	# <asm/syscall_wrapper.h> declares the functions of these, and sys_ni_syscall.
	declared["getcpu"] = declared["gettimeofday"] = declared["time"] = 1
}

!/^[0-9]/ || ($2 != "common" && $2 != "64") {
	if (out == "tbl")
		print
	next
}

{
	name[$1] = $3
	last = $1
	known[$3] = 1
}
out == "tbl" && ($3 in want || NF < 4) { print }
out == "tbl" && !($3 in want || NF < 4) { print $1, $2, $3, "ukl_missing" }
out == "h" && !($3 in want || $3 in declared || NF < 4 || $4 == "sys_ni_syscall") { print "#define UKL_DROP_" $4 " 1" }

END {
	if (out == "list")
		for (nr = 0; nr <= last; nr++)
			print "\"" name[nr] "\\0\""
	for (call in want)
		if (!(call in known)) {
			print "CONFIG_UKL_SYSCALLS names " call \
				", which is not a system call" > "/dev/stderr"
			exit 1
		}
}
