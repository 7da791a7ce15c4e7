# A service manager in small: holds a listening socket and runs a program on it, anew whenever
# that ends well.
# usage: perl supervisor.pl PROGRAM ARGUMENT…
use strict;
use IO::Socket::INET;
use POSIX ();

$^F = 255;    # descriptors up to this one are handed down
my $socket = IO::Socket::INET->new(Listen => 1024, LocalAddr => '127.0.0.1', LocalPort => 0)
  or die "cannot listen: $!";
my $child;
my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };    # the whole process group has it, the program too

until ($stopping) {
    $child = fork // die "cannot fork: $!";
    if ($child == 0) {
        POSIX::dup2(fileno($socket), 3) unless fileno($socket) == 3;
        $ENV{LISTEN_PID} = $$;
        $ENV{LISTEN_FDS} = 1;
        exec { $ARGV[0] } @ARGV or die "cannot run $ARGV[0]: $!";
    }
    print STDERR "started $child\n";
    1 until waitpid($child, 0) == $child;
    print STDERR "ended with " . ($? >> 8) . "\n";
    last if $? != 0;
}
exit($? >> 8);
