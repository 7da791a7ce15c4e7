import type { Branch } from './symptom.ts'

/** It works, and takes long. */
export const slow: Branch = {
  id: 'slow',
  title: 'It is slow',
  ask: 'What takes long? To see it: narwhal bench http://cache.lan:5000',
  children: [
    {
      id: 'slow-start',
      title: 'Nix waits long before anything happens',
      said: ['connect-timeout', 'Timeout was reached (28)'],
      signs: [
        {
          run: 'time curl -m 200 -o /dev/null http://cache.lan:5000/nix-cache-info',
          prints: 'seconds, and an error at last: the server is off or unreachable',
        },
      ],
      cause:
        'A substituter that does not answer is waited for: by Nix up to 2.28 as long as the kernel tries, about two minutes; 5 s in 2.29 to 2.31, 15 s from 2.32 on.',
      mends: [{ text: 'Set a limit, on laptops above all.', lines: ['connect-timeout = 5'] }],
      source: 'nix.conf(5): connect-timeout; src/libstore/filetransfer.hh of NixOS/nix',
    },
    {
      id: 'slow-narinfos',
      title: 'The questions take long: "querying info about …"',
      said: ['querying info about missing paths', 'NarwhalSlowHits'],
      signs: [
        {
          run: 'narwhal bench http://cache.lan:5000',
          prints: 'Latency falls short, or: the distance is the limit',
        },
        { run: 'narwhal monitor', prints: 'cpu or disk busy, memory pressure above 10 %' },
      ],
      cause:
        'Hits take under 1 ms on a wire, so more is the way there (WiFi, VPN), a processor busy with builds, or memory that is swapped out. Misses take as long as the slowest upstream that has to be heard.',
      mends: [
        { text: 'A cable in place of WiFi: see wifi-bound.' },
        { text: 'Take away upstreams that rarely have anything: each miss asks all of them.' },
        { text: 'Let more narinfos stand in memory.', lines: ['[cache]', 'memory = "128MiB"'] },
      ],
      source: 'docs/performance.md; docs/bench.md',
    },
    {
      id: 'few-connections',
      title: 'Many small paths: neither line nor processor is busy',
      said: ['http-connections', 'max-substitution-jobs'],
      signs: [
        {
          run: 'nix show-config | grep -E "^(http-connections|max-substitution-jobs|http2)"',
          prints: 'http-connections below 25, or max-substitution-jobs below 16',
        },
        { run: 'narwhal monitor', prints: 'on the server: few requests, net and cpu idle' },
      ],
      cause:
        'Nix asks for one thing after another and waits for each answer: more at once hide the distance. nix copy fetches NARs one at a time whatever is set.',
      mends: [
        {
          text: 'On the client, where it has more than 2 GB of memory.',
          lines: ['http-connections = 50', 'max-substitution-jobs = 32'],
        },
        { text: 'Prefer nix build or nix-store -r to nix copy.' },
        {
          text: 'Leave prefetch.narinfos and prefetch.nars on: narwhal asks upstream before the client does.',
        },
      ],
      source: 'nix.conf(5); docs/performance.md',
    },
    {
      id: 'xz-bound',
      title: 'A core of the client is busy while the line is not',
      said: ['xz'],
      signs: [
        { run: 'top -H', prints: 'on the client: a thread of nix or nix-daemon at 100 %' },
        {
          run: 'curl -s http://cache.lan:5000/<hash>.narinfo | grep ^Compression',
          prints: 'Compression: xz',
        },
      ],
      cause:
        'A core unpacks xz at about 77 MB/s, which takes 20 MB/s or 0.15 Gbit/s of a line; zstd unpacks at about 830 MB/s.',
      mends: [
        {
          text: 'Let narwhal pack NARs anew with zstd. It does so by itself while it has nothing better to do; status says why it pauses.',
          lines: ['narwhal status', '[recompress]', 'enabled = true'],
        },
      ],
      source: 'src/advice/figures.ts, measured; docs/decisions/0014-zstd-forms.md',
    },
    {
      id: 'wifi-bound',
      title: 'WiFi is the limit',
      said: ['WiFi', 'wireless'],
      signs: [
        {
          run: 'narwhal bench http://cache.lan:5000',
          prints:
            'an interface that does not tell its speed, 2 to 10 ms of latency, far below 800 Mbit/s',
        },
        { run: 'iw dev', prints: 'the interface with the default route, so traffic goes by air' },
      ],
      cause:
        'Half of what WiFi promises is payload, all stations share it, and each round trip takes 2 to 10 ms.',
      mends: [
        {
          text: 'A cable to the switch, or straight between the two machines: about $5.',
          lines: ['narwhal direct-network --advise'],
        },
        { text: 'If it must be WiFi: 5 GHz, near to the access point, server on the wire.' },
      ],
      source: 'narwhal direct-network --advise; docs/bench.md',
    },
    {
      id: 'slow-link',
      title: 'A wire carries 94 Mbit/s or less',
      said: ['Speed: 100Mb/s', 'Half duplex'],
      signs: [
        { run: 'ethtool enp1s0', prints: 'Speed: 100Mb/s, or Duplex: Half' },
        { run: 'narwhal direct-network --validate', prints: 'less than 900 Mbit/s, packets lost' },
      ],
      cause:
        'Gigabit needs all four pairs: a damaged or old cable, a bad socket or an old switch makes both ends agree on 100 Mbit/s.',
      mends: [
        {
          text: 'Another cable (Cat 5e or better), another port, straight to the other machine: one change at a time.',
          lines: ['ethtool enp1s0'],
        },
        { text: 'Do not force the speed by hand: gigabit needs negotiation.' },
      ],
      source: 'IEEE 802.3, clauses 28 and 40',
    },
    {
      id: 'slow-disk',
      title: 'The disk of the server is the limit',
      said: ['disk wait', 'NarwhalSlowHits'],
      signs: [
        { run: 'narwhal monitor', prints: 'disk near 100 %, io pressure above 10 %' },
        {
          run: 'narwhal diagnose --measure',
          prints: 'what this disk reads and writes in a second',
        },
      ],
      cause:
        'A hard disk makes about 100 random reads in a second, an SD card reads 44 MB/s at most, a disk on USB 2 35 MB/s; a gigabit line takes 118 MB/s.',
      mends: [
        { text: 'Keep other work away from it: builds, nix-collect-garbage and backups at night.' },
        {
          text: 'Room on an SSD: move data_dir there, with cache/ in it.',
          lines: [
            'systemctl stop narwhal.socket narwhal',
            'rsync -a /var/lib/narwhal/ /ssd/narwhal/',
            'data_dir = "/ssd/narwhal"',
          ],
        },
        { text: 'More memory holds more of it: the page cache serves what was read lately.' },
      ],
      source: 'src/advice/figures.ts',
    },
    {
      id: 'slow-upstream',
      title: 'Only what is not cached yet is slow',
      said: ['cold cache'],
      signs: [
        { run: 'narwhal status', prints: 'downloads that crawl, nar … miss' },
        {
          run: 'narwhal bench https://cache.nixos.org',
          prints: 'on the server: what the line to the upstream gives',
        },
      ],
      cause:
        'The line to the Internet is the limit, or the upstream throttles (see upstream-throttled), or the disk is full and nothing is kept (see disk-full).',
      mends: [
        {
          text: 'Warm the cache before people come: build once, at night, on any client.',
          lines: ['nix build --no-link …'],
        },
        {
          text: 'Keep more: raise cache.max_size where narwhal evicts what is wanted again.',
          lines: ['[cache]', 'max_size = "80%"'],
        },
      ],
      source: 'docs/performance.md; docs/monitoring.md, alert NarwhalCacheTooSmall',
    },
    {
      id: 'thermal-throttling',
      title: 'Fast at first, slow after some minutes: it is hot',
      said: [
        'Core temperature above threshold, cpu clock throttled',
        'thermal throttling',
        'under-voltage detected',
      ],
      signs: [
        {
          run: 'journalctl -k | grep -iE "throttl|under-voltage"',
          prints: 'clock throttled; on a Raspberry Pi: Undervoltage detected',
        },
        {
          run: 'grep MHz /proc/cpuinfo',
          prints: 'under load: far below the speed it has when cold',
        },
      ],
      cause:
        'Fan and vents are full of dust, or a board has no heat sink. A Raspberry Pi slows down at 80 °C, and when its power supply is weak.',
      mends: [
        { text: 'Clean it, cool it, give it the power supply it was made for.' },
        { text: 'Less at once until then.', lines: ['[recompress]', 'enabled = false'] },
      ],
      source: 'kernel.org, admin-guide/thermal; Raspberry Pi documentation, frequency management',
    },
    {
      id: 'busy-machine',
      title: 'Builds on the server take what narwhal needs',
      said: ['load average', 'memory pressure'],
      signs: [
        {
          run: 'narwhal monitor',
          prints: 'cpu full, memory pressure or swap in use, names under builds',
        },
        { run: 'narwhal diagnose --slow', prints: 'which part is the bottleneck' },
      ],
      cause:
        'A compile job takes up to 2 GiB and a core. Too many at once swap, and then everything waits for the disk.',
      mends: [
        {
          text: 'Fewer jobs: (memory − 1.3 GiB) / 2 GiB of them, and compressed swap.',
          lines: ['narwhal generate-config --auto'],
        },
        {
          text: 'Let the daemon stand behind all else.',
          lines: ['nix.daemonCPUSchedPolicy = "idle";', 'nix.daemonIOSchedClass = "idle";'],
        },
      ],
      source: 'src/advice/figures.ts: buildJobBytes; NixOS options nix.daemon*',
    },
  ],
}
