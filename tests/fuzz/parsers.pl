#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# Damaged input for the parsers of the scripts: each run works, or ends with a failure
# and one clear line. Never a complaint of a shell or another program, never a hang,
# and nothing of a result that is not whole.
# usage: parsers.pl recipe|words|kernel|oci SECONDS|xRUNS SEED DIRECTORY
use strict;
use warnings;
use Time::HiRes qw(time);

my ($target, $seconds, $seed, $dir) = @ARGV;
my $root = $ENV{ROOT};
srand $seed;
my ($runs, $worked, $refused) = (0, 0, 0);

sub any { $_[rand @_] }

# What has broken parsers before, and what they are made of
my @words = ('', ' ', '0', '-1', '00', '1', '7', '99999', '65536', '4294967296', '99999999999999999999', '1e3', '0x10',
	'1 2', "'", '"', '\\', '`id`', '$(id)', '$HOME', '*', '/', '//', '/x', '../..', '=', '+=', ':', '::', '7:', ':7',
	'7:7', '7:7:7', ',', ';', '|', '&', '#', "\t", "\r", '%s%n', '-', '--', '-e', "\xc3\xa9", "\xff", 'a' x 300,
	'none', 'dhcp', 'microvm', 'q35', 'tcg', 'linked', 'binary', 'small', 'EXEC', 'ARGS = ', '[', ']', '{', '(', '!', '~');

my @numbers = grep { /^[-0-9]/ } @words;

sub damage {
	my $text = shift;
	for (1 .. 1 + rand 3) {
		my $at = int rand(1 + length $text);
		my $what = int rand 5;
		if ($what == 0) { substr($text, $at, int rand 4) = any(@words) }
		elsif ($what == 1) { substr($text, $at, 1) = chr(1 + rand 255) if $at < length $text }
		elsif ($what == 2) { substr($text, $at, int rand 20) = '' }
		elsif ($what == 3) { $text .= any(@words) }
		else { $text = any(@words) }
	}
	$text =~ tr/\0\n//d;
	return $text;
}

sub damage_lines {
	my @lines = split /\n/, shift;
	for (1 .. 1 + rand 3) {
		my $at = int rand @lines;
		my $what = int rand 4;
		if ($what == 0) { splice @lines, $at, 1 if @lines > 1 }
		elsif ($what == 1) { splice @lines, $at, 0, any(@lines) }
		elsif ($what == 2) { $lines[$at] =~ s/(=\s*)(.*)/$1 . damage($2)/e }
		else { $lines[$at] = damage($lines[$at]) }
	}
	return join("\n", @lines) . "\n";
}

sub slurp { local (@ARGV, $/) = @_; return scalar <> }

sub spew {
	my ($file, $text) = @_;
	open my $h, '>:raw', $file or die "$file: $!";
	print $h $text;
	close $h;
}

# run COMMAND...: all its output must be ours. Returns whether it worked.
sub run {
	my ($what, @command) = @_;
	my $pid = fork;
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/out";
		open STDERR, '>&', \*STDOUT;
		exec 'timeout', 60, @command or exit 99;
	}
	waitpid $pid, 0;
	my $status = $? >> 8;
	my @lines = split /\n/, slurp("$dir/out") // '';
	my @ours = grep { /^unilinux: ./ } @lines;
	my @others = grep { !/^unilinux: |^\[ *\d+s\] / } @lines;
	my $why;
	$why = "ended by signal $?" if $? & 127;
	$why //= 'no end' if $status == 124;
	$why //= 'status 0 and a complaint' if !$status && @ours;
	$why //= 'status ' . $status . ' and ' . @ours . ' lines of ours' if $status && @ours != 1;
	$why //= "another line: $others[0]" if @others && ($status || "@others" =~ /: \d+: |line \d+|rror|awk|ERROR/);
	if (defined $why) {
		spew("$dir/found-$seed-$runs", "$what\n" . join("\n", @lines) . "\n");
		print "unilinux: $target: run $runs with seed $seed: $why: see $dir/found-$seed-$runs\n";
		exit 1;
	}
	$status ? $refused++ : $worked++;
	return !$status;
}

sub nothing_left {
	for (@_) {
		next unless -e;
		print "unilinux: $target: run $runs with seed $seed: $_ is left after a failure\n";
		exit 1;
	}
}

my @recipes = map { slurp($_) } sort glob "$root/apps/[a-su-z]*/recipe";
my @keys = qw(NAME MODE SOURCE PACKAGES FILES EXEC ARGS ENV CWD USER MOUNTS CONFIG MEMORY PORTS NET SOCKETS MACHINES);

sub recipe {
	my $text = damage_lines(any(@recipes));
	spew("$dir/recipe", $text);
	run($text, "$root/scripts/recipe.sh", "$dir/recipe", rand() < 0.5 ? any(@keys) : ());
}

# run.sh with a QEMU that does nothing, which it takes for a guest without a status
my %word = (MODE => 'linked', CPUS => 1, MEMORY => 64, MACHINE => 'microvm', ACCEL => 'tcg', CPU => 'max', PORTS => '7:7',
	TIMEOUT => 9, ARGS => 'a b', APPEND => 'quiet', PROFILE => 'fast', CONFIG => '', SNAPSHOT => '', DISK => '');

sub words {
	local %ENV = %ENV;
	my @set;
	for (1 .. 1 + rand 2) {
		my $name = any(sort keys %word);
		$ENV{$name} = rand() < 0.3 ? any($word{$name} =~ /\d/ ? @numbers : @words) : damage($word{$name});
		push @set, "$name='$ENV{$name}'";
	}
	$ENV{QEMU} = "$dir/qemu";
	run("@set", "$root/scripts/run.sh", rand() < 0.1 ? damage('hello') : 'hello');
}

# A file of a newc archive
sub cpio {
	my ($name, $mode, $data) = @_;
	my $head = sprintf '070701' . '%08X' x 13, 1, $mode, 0, 0, 1, 0, length $data, 0, 0, 0, 0, 1 + length $name, 0;
	return join '', map { $_ . "\0" x (-length($_) % 4) } "$head$name\0", $data;
}

my $archive = join '', map { cpio(@$_) } ['bin', 040755, ''], ['bin/large', 0100755, 'large' x 2000],
	['small', 0100644, 'small'], ['TRAILER!!!', 0, ''];

sub damage_archive {
	my $text = $archive;
	for (1 .. 1 + rand 3) {
		my $at = any(0, 116, 10236, 10360) + int rand 130;
		substr($text, $at % length $text, 1) = rand() < 0.7 ? any(0 .. 9, 'A' .. 'F') : chr rand 256;
	}
	$text = substr $text, 0, int rand length $text if rand() < 0.2;
	return $text;
}

# The head of a small kernel, its tables and its symbols; or the archive
my $kernel;

sub kernel {
	$kernel //= slurp("$dir/kernel");
	spew("$dir/cpio", rand() < 0.3 ? damage_archive() : $archive);
	my $text = $kernel;
	my @at = unpack 'x32 Q x0 Q', $text;
	my @interesting = (0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, ~0, ~0 - 1, 1 << 63, length $text);
	for (1 .. 1 + rand 3) {
		my $from = any(0, @at, int rand length $text);
		my $pos = ($from + 8 * int rand 60) % (length($text) - 8);
		my $what = int rand 4;
		if ($what == 0) { substr($text, $pos, 8) = pack 'Q', any(@interesting) }
		elsif ($what == 1) { substr($text, $pos, 4) = pack 'L', any(@interesting) & 0xffffffff }
		elsif ($what == 2) { substr($text, $pos + rand 8, 1) = chr rand 256 }
		else { $text = substr $text, 0, int rand length $text if rand() < 0.2 }
	}
	spew("$dir/damaged", $text);
	unlink "$dir/image", "$dir/image.tmp";
	nothing_left("$dir/image", "$dir/image.tmp")
		unless run('kernel', "$dir/mkimage", "$dir/damaged", "$dir/cpio", 'console=ttyS0', "$dir/image");
}

# A container image, of which the configuration is damaged; and its archive
sub json { my $s = shift; $s =~ s/(["\\])/\\$1/g; $s =~ s/([\x01-\x1f])/sprintf '\\u%04x', ord $1/ge; $s =~ s/[\x80-\xff]/?/g; "\"$s\"" }

sub oci {
	my @list = map { '[' . join(',', map { json(rand() < 0.5 ? damage($_) : $_) } @$_) . ']' }
		['/bin/tell', 'one'], ['two words', "it's"], ['PATH=/bin', 'NAME=value'];
	my $cwd = json(rand() < 0.5 ? damage('/data') : '/data');
	my $user = json(rand() < 0.5 ? damage('5:6') : '');
	my $text = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":$list[0],\"Cmd\":$list[1],\"Env\":$list[2]," .
		"\"WorkingDir\":$cwd,\"User\":$user},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$ENV{LAYER}\"]}}";
	my $archive = "$dir/oci";
	$text = damage($text) if rand() < 0.1;
	spew("$archive/config.json", $text);
	system('tar', '-C', $archive, '-cf', "$dir/image.tar", 'manifest.json', 'config.json', 'layer.tar');
	local %ENV = %ENV;
	$ENV{OCI} = "$dir/image.tar";
	if (rand() < 0.2) {
		my $tar = slurp("$dir/image.tar");
		substr($tar, rand 2000, 1) = chr rand 256 for 1 .. 3;
		spew("$dir/image.tar", $tar);
	}
	run($text, "$root/scripts/rootfs.sh", 'fuzz') and
		run($text, "$root/scripts/recipe.sh", "$root/build/apps/bin-fuzz/recipe", 'ARGS');
}

my %targets = (recipe => \&recipe, words => \&words, kernel => \&kernel, oci => \&oci);
die "usage: parsers.pl recipe|words|kernel|oci SECONDS SEED DIRECTORY\n" unless $targets{$target} && $dir;
# "x100" is a number of runs, the same each time.
my ($count) = $seconds =~ /^x(\d+)$/;
my $end = $count ? 0 : time + $seconds;
while ($count ? $runs < $count : time < $end) {
	$runs++;
	$targets{$target}->();
}
die "unilinux: fuzz: $target: of $runs runs with seed $seed $worked worked and $refused were refused: this tests nothing\n"
	if $runs >= 10 && !($worked && $refused);
print "$target: $runs runs with seed $seed: $worked times it worked, $refused times it was refused\n";
