# SPDX-License-Identifier: GPL-2.0
#
# From the kernel's system call table and its prototypes, make the list of
# thunks (-v out=thunks) or of table entries (-v out=table), or the same for
# jumps: -v out=jumps, -v out=slots, and the functions, -v out=functions.
#
# usage: awk -f thunks.awk -v out=thunks syscalls.h syscall_64.tbl
#
# A thunk stores as many arguments as the function has; a function without a
# prototype in syscalls.h counts as one with six.

# Calls that read or replace the whole frame, in which a tracer may stop the task
# before it comes out again, or that may take it away from CPL 0.
BEGIN {
	n = split("clone clone3 fork vfork execve execveat rt_sigreturn " \
		  "exit exit_group uretprobe arch_prctl prctl", names, " ")
	for (i = 1; i <= n; i++)
		full[names[i]] = 1
}

FILENAME ~ /syscalls\.h$/ {
	if (/^asmlinkage long sys_[a-z0-9_]+\(/)
		proto = ""
	else if (proto == "")
		next
	proto = proto $0
	if (!/;/)
		next
	name = proto
	sub(/^asmlinkage long /, "", name)
	sub(/\(.*/, "", name)
	sub(/^[^(]*\(/, "", proto)
	if (proto ~ /^void\)/)
		nargs[name] = 0
	else
		nargs[name] = gsub(/,/, ",", proto) + 1
	proto = ""
	next
}

/^[0-9]/ && ($2 == "common" || $2 == "64") && $4 ~ /^sys_/ {
	if ($3 in full)
		next
	func_of[$1] = "__x64_" $4
	args_of[$1] = ($4 in nargs) ? nargs[$4] : 6
}

END {
	for (nr = 0; nr < 512; nr++) {
		if (out == "thunks" && nr in func_of)
			print "UKL_THUNK " nr " " func_of[nr] " " args_of[nr]
		if (out == "table")
			print "\t.quad ukl_call_" ((nr in func_of) ? nr : "full")
		if (out == "jumps" && nr in func_of)
			print "UKL_JUMP " nr " " func_of[nr]
		if (out == "slots")
			print "\t.quad ukl_jump_" ((nr in func_of) ? nr : "full")
		if (out == "functions")
			print "\t.quad " ((nr in func_of) ? func_of[nr] : 0)
	}
}
