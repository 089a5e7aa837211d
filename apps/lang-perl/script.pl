# SPDX-License-Identifier: GPL-2.0
# Processes, pipes, signals, sockets and files, and the status 3 at the end.
use strict;
use warnings;
use POSIX ();
use Socket;

print "arguments: ", join('|', @ARGV), "\n";

# A pipe from each of ten children
my $sum = 0;
for my $n (1 .. 10) {
	my $pid = open(my $from, '-|') // die "fork: $!";
	if (!$pid) {
		print $n * $n;
		exit $n;
	}
	$sum += <$from>;
	close $from;
	die "status $?" unless $? >> 8 == $n;
}
print "children: $sum\n";

# An alarm in the middle of a loop
my $rounds = 0;
eval {
	local $SIG{ALRM} = sub { die "alarm\n" };
	alarm 1;
	$rounds++ while 1;
};
print "signal: ", $@, "rounds: ", ($rounds > 1000 ? 'many' : $rounds), "\n";

socketpair(my $one, my $other, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
syswrite $one, "through a socket\n";
print scalar <$other>;

open(my $file, '>', '/tmp/file') or die "open: $!";
print $file map { "line $_\n" } 1 .. 1000;
close $file;
open($file, '<', '/tmp/file') or die "open: $!";
my %words;
while (<$file>) {
	$words{$1}++ if /^line (\d)/;
}
print "lines: ", join(' ', map { "$_=$words{$_}" } sort keys %words), "\n";
printf "time: %d\n", time > 1_000_000_000;
exit 3;
