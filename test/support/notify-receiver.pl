# Stands in for systemd: prints what services say to it, one message a line.
# usage: perl notify-receiver.pl SOCKET
use strict;
use IO::Socket::UNIX;
use Socket;

$| = 1;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "cannot bind: $!";
print "bound\n";
while (defined $socket->recv(my $message, 65536)) {
    $message =~ s/\n/ /g;
    print "$message\n";
}
