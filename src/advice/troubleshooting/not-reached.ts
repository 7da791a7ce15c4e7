import type { Branch } from './symptom.ts'

/** The client does not get as far as an answer. */
export const notReached: Branch = {
  id: 'not-reached',
  title: 'The client cannot connect to it',
  ask: 'What happens with: curl -v http://cache.lan:5000/nix-cache-info',
  children: [
    {
      id: 'server-down',
      title: 'The connection is refused, also on the server itself',
      said: ["Couldn't connect to server (7)", 'Connection refused', 'ECONNREFUSED'],
      codes: ['NO_SERVER', 'NO_CACHE', 'SERVE_FAILED'],
      signs: [
        { run: 'narwhal status', prints: 'cannot reach http://localhost:5000: … ECONNREFUSED …' },
        { run: 'systemctl status narwhal', prints: 'Active: failed, or inactive (dead)' },
      ],
      cause: 'No narwhal runs, or it listens on another port.',
      mends: [
        {
          text: 'See why it ended, then start it. Clients go on to their other substituters meanwhile.',
          lines: ['journalctl -u narwhal -n 50', 'systemctl start narwhal.socket narwhal'],
        },
      ],
      source: 'connect(2): ECONNREFUSED; docs/monitoring.md, alert NarwhalGone',
    },
    {
      id: 'wrong-listen-address',
      title: 'It answers on the server itself, and nowhere else',
      said: ['Connection refused', "Couldn't connect to server (7)"],
      signs: [
        {
          run: 'ss -ltn "sport = :5000"',
          prints:
            '127.0.0.1:5000 or [::1]:5000 as local address, where [::]:5000, *:5000 or the address of the network should stand',
        },
        { run: 'narwhal status', prints: 'listens on http://127.0.0.1:5000' },
      ],
      cause: 'It listens on the loopback only, which no other machine reaches.',
      mends: [
        {
          text: 'Listen on every address, or on that of the network the clients are in; then restart.',
          lines: ['listen = ["[::]:5000"]'],
        },
        { text: 'With socket activation: ListenStream= in narwhal.socket says where.' },
      ],
      source: 'docs/operating.md, Under systemd; ip(7)',
    },
    {
      id: 'name-not-found',
      title: 'The name of the server is not known',
      said: ["Couldn't resolve host name (6)", 'Could not resolve host', 'ENOTFOUND', 'EAI_AGAIN'],
      signs: [
        {
          run: 'getent ahosts cache.lan',
          prints: "nothing, or an address that is not the server's",
        },
      ],
      cause:
        'No DNS server and no /etc/hosts of this machine knows the name, or it knows an old address. Names in .local need avahi and nss-mdns, also for the user the Nix daemon runs as.',
      mends: [
        {
          text: 'Use the address in substituters.',
          lines: ['substituters = http://192.168.1.20:5000 https://cache.nixos.org'],
        },
        {
          text: 'Or give it a name on every client, and a fixed address in the router.',
          lines: ['networking.hosts."192.168.1.20" = [ "cache.lan" ];'],
        },
      ],
      source: 'curl, error 6; nsswitch.conf(5)',
    },
    {
      id: 'firewall',
      title: 'Nothing answers: it hangs, then times out',
      said: ['Timeout was reached (28)', 'Connection timed out', 'ETIMEDOUT', 'No route to host'],
      signs: [
        {
          run: 'curl -m 5 http://cache.lan:5000/nix-cache-info',
          prints:
            'curl: (28) Connection timed out …, while the same works on the server with localhost',
        },
        { run: 'nft list ruleset', prints: 'on the server: no rule that accepts tcp dport 5000' },
      ],
      cause:
        'A firewall drops the packets, on the server most often: NixOS closes every port that is not opened. Or the machine is off, or in another network.',
      mends: [
        {
          text: 'Open the port on the server, only towards your own network.',
          lines: ['networking.firewall.interfaces.enp1s0.allowedTCPPorts = [ 5000 ];'],
        },
        {
          text: 'On the client, so that a server that is off costs seconds and not minutes:',
          lines: ['connect-timeout = 5'],
        },
      ],
      source:
        'NixOS manual, Firewall; nix.conf(5): connect-timeout (Nix up to 2.28 has no limit of its own)',
    },
    {
      id: 'ipv6',
      title: 'It answers over only one of IPv4 and IPv6',
      said: ['Network is unreachable', 'ENETUNREACH', 'EHOSTUNREACH'],
      signs: [
        { run: 'getent ahosts cache.lan', prints: 'addresses of both kinds' },
        {
          run: 'curl -6 -m 5 http://cache.lan:5000/nix-cache-info',
          prints: 'an error, where curl -4 gets the file',
        },
      ],
      cause:
        'The name has an address of a family in which nothing listens or no route leads there. Clients try it first, and each new connection waits until they give up on it.',
      mends: [
        { text: 'Let the server listen in both families.', lines: ['listen = ["[::]:5000"]'] },
        { text: 'Or take the address that does not work out of DNS or /etc/hosts.' },
      ],
      source: 'RFC 8305 (curl waits 200 ms for IPv6); src/config/options.ts: listen',
    },
    {
      id: 'proxy',
      title: 'A proxy answers in its place',
      said: [
        '502 Bad Gateway',
        '407 Proxy Authentication Required',
        'Received HTTP code 403 from proxy',
      ],
      signs: [
        {
          run: 'env | grep -i _proxy',
          prints: 'http_proxy or all_proxy, and no no_proxy that covers the server',
        },
        {
          run: 'systemctl show nix-daemon -p Environment',
          prints: 'the same for the daemon, which does the downloads',
        },
      ],
      cause:
        'Nix fetches with libcurl, which sends everything to the proxy of its environment, for addresses in your own network too.',
      mends: [
        {
          text: 'Except the server, for the daemon as well.',
          lines: ['networking.proxy.noProxy = "127.0.0.1,localhost,cache.lan";'],
        },
      ],
      source: 'curl(1), ENVIRONMENT; NixOS option networking.proxy.noProxy',
    },
    {
      id: 'wrong-url',
      title: 'Something answers, but not with /nix-cache-info',
      said: [
        '… does not appear to be a binary cache',
        'SSL_ERROR_RX_RECORD_TOO_LONG',
        'wrong version number (35)',
        'HTTP error 404',
        'Client sent an HTTP request to an HTTPS server',
      ],
      codes: ['BAD_CACHE_INFO'],
      signs: [
        {
          run: 'curl -i http://cache.lan:5000/nix-cache-info',
          prints: 'anything but 200 and a first line "StoreDir: …"',
        },
        {
          run: 'narwhal troubleshoot --auto --url http://cache.lan:5000',
          prints: 'what answers there, and which address would be right',
        },
      ],
      cause:
        "The URL has a path that is not the cache's, the port of another program, or https where narwhal speaks plain HTTP (it has no TLS of its own; a reverse proxy can add it).",
      mends: [
        {
          text: 'Write it as narwhal prints it at the start, without a path.',
          lines: ['substituters = http://cache.lan:5000 https://cache.nixos.org'],
        },
      ],
      source: 'src/libstore/http-binary-cache-store.cc of NixOS/nix; docs/operating.md',
    },
  ],
}
