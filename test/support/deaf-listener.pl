# Listens on a free port with the smallest backlog, says which, and never accepts anybody.
# Ends with its stdin.
use strict;
use warnings;
use Socket;

socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($socket, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($socket, 0) or die "listen: $!";
$| = 1;
print +(sockaddr_in(getsockname($socket)))[0], "\n";
1 while <STDIN>;
