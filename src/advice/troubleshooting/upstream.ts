import type { Branch } from './symptom.ts'

/** The caches behind this one. */
export const upstream: Branch = {
  id: 'upstream',
  title: 'It does not get through to its upstreams',
  ask: 'What does narwhal status say of the upstream?',
  children: [
    {
      id: 'upstream-away',
      title: 'The upstream is down',
      said: [
        'no upstream answers; only what is cached is served',
        'NarwhalUpstreamAway',
        'NarwhalAllUpstreamsAway',
      ],
      codes: ['UPSTREAM_UNREACHABLE', 'NO_ANSWER', 'UPSTREAM_STATUS'],
      signs: [
        { run: 'narwhal status', prints: 'upstream cache.nixos.org down: … last error …: …' },
        {
          run: 'curl -I https://cache.nixos.org/nix-cache-info',
          prints: 'on the server: the error narwhal meets as well',
        },
      ],
      cause:
        'The Internet, its DNS or the upstream is away; a firewall lets the server itself not out; or a proxy is needed, which narwhal does not use.',
      mends: [
        {
          text: 'Mend network and DNS of the server. narwhal probes and goes on by itself; what is cached is served all the time.',
        },
        {
          text: 'Put a second upstream behind it: the healthy one answers.',
          lines: ['[[upstream]]', 'url = "https://example.cachix.org"'],
        },
      ],
      source: 'docs/monitoring.md, Is it well?; docs/reliability.md, U1 and U9',
    },
    {
      id: 'clock-wrong',
      title: 'TLS to the upstream fails: the clock is wrong',
      said: [
        'certificate is not yet valid',
        'certificate has expired',
        'CERT_NOT_YET_VALID',
        'CERT_HAS_EXPIRED',
      ],
      codes: ['UPSTREAM_UNREACHABLE'],
      signs: [
        { run: 'timedatectl', prints: 'System clock synchronized: no, or a year long past' },
        { run: 'narwhal troubleshoot --auto', prints: 'clock: the two machines differ by …' },
      ],
      cause:
        "A board without a battery for its clock starts in the past, and TLS refuses certificates that are not valid yet. narwhal's own cache does not mind: it goes by the order of reads, not by the time.",
      mends: [
        {
          text: 'Set the clock from the network, also at the start.',
          lines: ['services.timesyncd.enable = true;', 'systemctl restart systemd-timesyncd'],
        },
      ],
      source: 'RFC 5280, 4.1.2.5; docs/reliability.md, D7',
    },
    {
      id: 'upstream-throttled',
      title: 'The upstream asks for patience',
      said: ['HTTP error 429', 'Too Many Requests', 'Slow Down'],
      codes: ['UPSTREAM_BUSY', 'UPSTREAM_STALLED'],
      signs: [
        { run: 'narwhal status', prints: 'upstream … down: … last error …: … 429' },
        {
          run: 'curl -s http://cache.lan:5000/metrics | grep upstream_failures',
          prints: 'narwhal_upstream_failures_total that grows',
        },
      ],
      cause:
        'It counts requests, and too many came at once from one address. narwhal leaves it alone for as long as it asks.',
      mends: [
        {
          text: 'Ask less at once, and less ahead.',
          lines: ['[limits]', 'upstream_connections = 8', '[prefetch]', 'max_concurrent = 4'],
        },
        { text: 'If it goes on, fetch nothing ahead: prefetch.narinfos and prefetch.nars.' },
      ],
      source: 'RFC 6585, 4 (429); docs/operating.md, Fetching ahead',
    },
  ],
}
