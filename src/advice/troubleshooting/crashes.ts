import type { Branch } from './symptom.ts'

/** It ends, or things fail by chance. */
export const crashes: Branch = {
  id: 'crashes',
  title: 'It crashes, or fails now and then',
  ask: 'What ends, and what does the kernel say? See: journalctl -k -p warning',
  children: [
    {
      id: 'out-of-memory',
      title: 'The kernel kills processes for want of memory',
      said: [
        'Out of memory: Killed process …',
        'oom-kill',
        'JavaScript heap out of memory',
        'NarwhalRestarts',
      ],
      codes: ['CHECK_FAILED'],
      signs: [
        {
          run: 'journalctl -k | grep -i "killed process"',
          prints: 'which process, and how much memory it had',
        },
        {
          run: 'systemctl show narwhal -p Result -p NRestarts -p MemoryPeak',
          prints: 'Result=oom-kill',
        },
        { run: 'grep oom_kill /proc/vmstat', prints: 'a number above 0' },
      ],
      cause:
        'Nearly always a build: compile jobs take up to 2 GiB each, evaluating a NixOS configuration 2 GiB. narwhal itself takes about 0.3 GiB.',
      mends: [
        {
          text: 'Fewer jobs, zram, and limits for the daemon, fitted to this machine.',
          lines: ['narwhal generate-config --auto'],
        },
        {
          text: 'On 2 GB or less build nothing: evaluate and build on a bigger machine.',
          lines: ['nixos-rebuild switch --target-host root@cache.lan'],
        },
        {
          text: 'Let the kernel take a build rather than the cache.',
          lines: ['systemd.services.nix-daemon.serviceConfig.OOMScoreAdjust = 500;'],
        },
        {
          text: 'narwhal itself was killed by its own limit: raise MemoryMax of the unit, or lower cache.memory.',
        },
      ],
      source: 'proc(5); src/advice/figures.ts: buildJobBytes, evaluationBytes, proxyBytes',
    },
    {
      id: 'disk-full',
      title: 'The disk is full',
      said: [
        'No space left on device',
        'ENOSPC',
        'disk-below-floor',
        'disk-unwritable',
        'NarwhalDiskFull',
        'NarwhalDiskUnwritable',
      ],
      codes: ['DISK', 'PASSED_ON', 'CANNOT_WRITE'],
      signs: [
        { run: 'df -h /var/lib/narwhal /nix/store', prints: 'Use% 95 or more' },
        { run: 'df -i /var/lib/narwhal', prints: 'IUse% 100: no inodes left, whatever the space' },
        {
          run: 'narwhal status',
          prints: 'the disk cannot be written; or others fill this file system',
        },
      ],
      cause:
        'narwhal keeps cache.min_free and evicts for it, so something else fills the file system: /nix/store, logs, backups. It goes on serving, and keeps nothing new.',
      mends: [
        {
          text: 'Make room now; generations of the last 14 days stay, so that you can still go back.',
          lines: ['nix-collect-garbage --delete-older-than 14d', 'journalctl --vacuum-size=200M'],
        },
        {
          text: 'Let Nix do it by itself.',
          lines: ['nix.gc.automatic = true;', 'nix.gc.options = "--delete-older-than 14d";'],
        },
        {
          text: 'Let the cache take less.',
          lines: ['[cache]', 'max_size = "50%"', 'min_free = "10%"'],
        },
      ],
      source: 'docs/operating.md, Disk space; docs/reliability.md, D4',
    },
    {
      id: 'sd-card-dying',
      title: 'The disk or the SD card is dying',
      said: [
        'I/O error',
        'EIO',
        'Buffer I/O error on dev …',
        'EXT4-fs error',
        'Remounting filesystem read-only',
        'mmc0: error',
      ],
      codes: ['DISK', 'INDEX_LOST'],
      signs: [
        {
          run: 'journalctl -k | grep -iE "i/o error|remount|mmc.*error"',
          prints: 'any line at all',
        },
        {
          run: 'smartctl -a /dev/sda',
          prints: 'Reallocated or Pending sectors above 0, or FAILED',
        },
        {
          run: 'findmnt -T /var/lib/narwhal -o OPTIONS',
          prints: 'ro: the kernel has given up writing',
        },
      ],
      cause:
        'Flash wears out by writing, SD cards first: after that they lose writes without a word. A weak power supply looks the same.',
      mends: [
        {
          text: 'Copy what cannot be fetched again now: keys, configuration, what was pushed. A cache is fetched again by itself.',
          lines: ['cp -a /etc/narwhal /root/narwhal-keys /mnt/backup/'],
        },
        {
          text: 'Replace it, with an SSD where an SD card was. Start with an empty data directory, then check what you copied.',
          lines: ['narwhal verify --data-dir /var/lib/narwhal'],
        },
        { text: 'No swap on SD cards; zram in its place.', lines: ['zramSwap.enable = true;'] },
      ],
      source: 'docs/operating.md, When the disk is sick; docs/reliability.md, D5',
    },
    {
      id: 'too-many-clients',
      title: 'Requests are turned away while much goes on',
      said: ['EMFILE', 'too many open files', 'NarwhalShedsRequests', 'Connection reset by peer'],
      codes: ['BUSY'],
      signs: [
        { run: 'narwhal status', prints: 'trouble … turned away' },
        {
          run: 'systemctl show narwhal -p LimitNOFILE',
          prints: '1024: as many files and sockets as it may open',
        },
      ],
      cause:
        'More connections than limits.max_clients, or than file descriptors. Clients try again by themselves.',
      mends: [
        {
          text: 'Raise both, and restart.',
          lines: ['LimitNOFILE=65536', '[limits]', 'max_clients = 8192'],
        },
        {
          text: 'Hundreds of machines at one moment: spread their upgrades (randomizedDelaySec), or put a second cache in front of some.',
        },
      ],
      source: 'docs/reliability.md, R1 and C2; docs/monitoring.md',
    },
    {
      id: 'restart-loop',
      title: 'systemd starts it again and again',
      said: [
        'Start request repeated too quickly',
        'Watchdog timeout',
        'NarwhalRestarts',
        'NarwhalGone',
      ],
      signs: [
        {
          run: 'systemctl show narwhal -p Result -p NRestarts -p ExecMainStatus',
          prints:
            'Result=watchdog: its event loop stood still; exit-code 3: it says why; oom-kill: see out-of-memory',
        },
        { run: 'journalctl -u narwhal -p err', prints: 'the error of each start' },
      ],
      cause:
        'A configuration it cannot start with (see not-starting), or a machine so short of memory or so slow of disk that the event loop stands still for a minute.',
      mends: [
        {
          text: 'Mend what the error names, then let systemd forget its count.',
          lines: ['systemctl reset-failed narwhal', 'systemctl start narwhal'],
        },
        {
          text: 'Result=watchdog: see busy-machine and sd-card-dying before you raise WatchdogSec.',
        },
      ],
      source: 'systemd.service(5): WatchdogSec, Restart; docs/operating.md, Under systemd',
    },
  ],
}
