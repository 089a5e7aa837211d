#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# The code before each SYSCALL of a program, as input for site.c.
# usage: sites.pl FILE DIRECTORY
use strict;
use warnings;

my ($file, $dir) = @ARGV;
my ($from, $offset);
for (`objdump -h $file`) {
	($from, $offset) = (hex $1, hex $2) if /^\s*\d+ \.text\s+\S+\s+(\S+)\s+\S+\s+(\S+)/;
}
open my $in, '<:raw', $file or die "$file: $!\n";
my $code = do { local $/; <$in> };
my $name = $file =~ s,.*/,,r;
for (`objdump -d -j .text --no-show-raw-insn $file`) {
	next unless /^\s*([0-9a-f]+):\s+syscall/;
	my $at = hex($1) - $from + $offset;
	open my $out, '>:raw', "$dir/$name-$1" or die "$dir: $!\n";
	print $out "\0\0", substr $code, $at - 160, 160;
}
