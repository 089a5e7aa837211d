#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# which SYSCALLs of a program can become jumps: never a byte of what is no instruction
set -u
. "$(dirname -- "$0")/../lib.sh"

# verdicts FILE: what is made of each SYSCALL, to $OUT/verdicts, and a count of
# copied "instructions" that a disassembler does not know, to $OUT/wrong
verdicts()
{
	objdump -d --no-show-raw-insn "$1" | awk '/^ *[0-9a-f]+:\t/ { sub(":", "", $1); print $1, $2 }' >"$OUT/code"
	awk '$2 == "syscall" { print $1 }' "$OUT/code" |
		"$ROOT/scripts/verdicts.sh" "$1" >"$OUT/verdicts" 2>"$OUT/verdicts.err" ||
		quit "$1" "$(cat "$OUT/verdicts.err")"
	awk 'FILENAME != "-" { begins[$1] = 1; next }
		$2 == "patched" { for (i = 4; i <= NF; i++) if (!($i in begins)) print }' \
		"$OUT/code" - <"$OUT/verdicts" >"$OUT/wrong"
}

for file in /lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2 /sbin/ldconfig; do
	name=$(basename "$file")
	verdicts "$file"
	all=$(grep -c . "$OUT/verdicts")
	patched=$(grep -c ' patched ' "$OUT/verdicts")
	is "$name: copied instructions are instructions" "$(cat "$OUT/wrong")" ""
	[ "$patched" -gt 0 ] || fail "$name: sites" "none of $all can be replaced"
	case $name in
	libc.so.6)
		if [ "$all" -gt 100 ] && [ $((patched * 100)) -ge $((all * 95)) ]; then
			pass "$name: $patched of $all sites can be replaced"
		else
			fail "$name: sites" "$patched of $all can be replaced, fewer than 95 %"
		fi
		;;
	esac
done

# What looks like something else, each behind code enough to decode.
cat >"$OUT/odd.s" <<'END'
	.macro SITE name
	.p2align 4
	.rept	2
	push	%rbp
	mov	%rsp, %rbp
	sub	$32, %rsp
	mov	%rdi, -8(%rbp)
	lea	16(%rdi), %rsi
	test	%rsi, %rsi
	je	.
	xor	%edx, %edx
	call	.
	mov	%rax, %rbx
	cmp	$7, %ebx
	movzbl	(%rdi), %ecx
	add	$0x1234, %rcx
	mov	$5, %r8d
	jmp	.
	nopw	0(%rax, %rax)
	mov	0x20(%rbx), %rdi
	.endr
	.global \name
	\name:
	.endm
	.text
	SITE	stored			# mov $39,%eax within another instruction
	movl	$39, -0x48(%rsp)
	syscall
	SITE	plain
	mov	$39, %eax
	syscall
	SITE	short			# all instructions are short
	jmp	1f
1:	mov	%edi, %eax
	syscall
	SITE	branch
	cmpl	$0, 0x1000(%rip)
	je	plain
	xor	%eax, %eax
	syscall
	SITE	number			# a later instruction changes RAX
	mov	$39, %eax
	add	$1, %eax
	syscall
	SITE	wide
	mov	$39, %rax
	syscall
	SITE	behind			# a call is no straight line
	call	plain
	mov	%ebx, %eax
	syscall
END
gcc -nostdlib -static -Wl,-e,plain -o "$OUT/odd" "$OUT/odd.s" || quit "assemble" "see above"
verdicts "$OUT/odd"
is "odd code: copied instructions are instructions" "$(cat "$OUT/wrong")" ""
# Verdict, number, instructions
is "odd code: verdicts" "$(awk '{ printf "%s ", $2 == "patched" ? $2 ":" $3 ":" (NF - 3) : $2 }' "$OUT/verdicts")" \
	"patched:-1:1 patched:39:1 short patched:0:3 patched:-1:2 patched:39:1 short "
