# SPDX-License-Identifier: GPL-2.0
# usage: client.pl PORT PORT PORT PORT, where the cards of packets take their frames
# and where they send them: PORTS="1:2 3:4"
#        client.pl PORT PORT, of a hub between the cards
#
# Sends frames to both cards and prints what comes out of the other. Or sends some to
# the hub, which go round until the end of their life, and prints how many seconds that
# took. The last frame ends packets.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

use Socket;
use Time::HiRes 'time';

use constant QUIT_TYPE => 0x88b5;

my @to = @ARGV[grep { $_ % 2 == 0 } 0 .. $#ARGV];
my @socks = map {
	IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => $_) or die "port $_: $!\n"
} @ARGV[grep { $_ % 2 } 0 .. $#ARGV];

sub frame { my ($type, $data) = @_; return pack('H12 H12 n', '525400000001', '525400000002', $type) . $data }

sub ip
{
	my ($ttl, $data, $wrong) = @_;
	my $head = pack('C C n n n C C n N N', 0x45, 0, 20 + length $data, 1, 0, $ttl, 17, 0, 0x0a000001, 0x0a000002);
	my $sum = 0;
	$sum += $_ for unpack('n*', $head);
	$sum = ($sum & 0xffff) + ($sum >> 16) while $sum > 0xffff;
	substr($head, 10, 2) = pack('n', (~$sum & 0xffff) ^ ($wrong // 0));
	return frame(0x0800, $head . $data);
}

sub to_card
{
	my ($card, $frame) = @_;
	# Nobody may be there yet.
	$socks[$card]->send($frame, 0, pack_sockaddr_in($to[$card], INADDR_LOOPBACK));
}

# through CARD WANTED FRAME...: what the other card sends within some time
sub through
{
	my ($card, $wanted, @frames) = @_;
	my $other = $socks[!$card];
	my @got;

	to_card($card, $_) for @frames;
	while (@got < $wanted && IO::Select->new($other)->can_read(5)) {
		$other->recv(my $f, 4096);
		# What Linux itself sends has another address.
		push @got, $f if substr($f, 0, 6) eq pack('H12', '525400000001');
	}
	return @got;
}

sub seen { my ($seconds) = @_; return IO::Select->new($socks[0])->can_read($seconds) && $socks[0]->recv(my $f, 4096) }

sub round_trips
{
	my ($start, $end, $tries) = (0, 0, 0);

	# Until the guest is there
	do {
		$tries++ < 300 or die "no frame comes out of a card\n";
		to_card(0, ip(2, 'x'));
	} until seen(0.2);
	to_card(0, ip(255, 'x' x 18)) for 1 .. 32;
	$start = $end = time;
	$end = time while seen(3);
	to_card(0, frame(QUIT_TYPE, 'quit'));
	return $end - $start;
}

if (@socks == 1) {
	printf "%.3f\n", round_trips();
	exit;
}

my ($one) = through(0, 1, ip(64, 'data')) or exit 1;
my $head = substr($one, 14, 20);
my $sum = 0;
$sum += $_ for unpack('n*', $head);
$sum = ($sum & 0xffff) + ($sum >> 16) while $sum > 0xffff;
printf "ttl %d, sum %x, data %s\n", unpack('C', substr($head, 8, 1)), $sum, substr($one, 34, 4);
# Those with a wrong sum and at the end of their life do not come through.
print 'dropped all but ', join(' ', map { substr($_, 34, 1) }
	through(1, 1, ip(64, 'a', 1), ip(1, 'b'), ip(2, 'c'))), "\n";
print 'other: ', (map { substr($_, 14) } through(1, 1, frame(0x88b6, 'as it was'))), "\n";
my @many = map { ip(9, pack('N', $_)) } 1 .. 500;
my $n = 0;
while (my @some = splice(@many, 0, 20)) {
	$n += through(0, scalar @some, @some);
}
print "many $n\n";
through(0, 1, frame(QUIT_TYPE, 'quit'));
