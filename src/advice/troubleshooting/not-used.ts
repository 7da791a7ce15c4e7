import type { Branch } from './symptom.ts'

/** It answers, and Nix goes elsewhere or builds. */
export const notUsed: Branch = {
  id: 'not-used',
  title: 'It answers, but Nix takes nothing from it',
  ask: 'What does Nix do instead? To see whom it asks: nix build -vv …',
  children: [
    {
      id: 'no-substituter',
      title: 'Nix never asks it',
      said: ['querying info about … on https://cache.nixos.org'],
      signs: [
        {
          run: 'nix show-config | grep ^substituters',
          prints: 'a list without the server (from Nix 2.20 on: nix config show)',
        },
      ],
      cause:
        'The server is not among the substituters; or it is, in the nixConfig of a flake, which nobody has accepted; or the daemon was not restarted since. `substitute = false` and `--option substituters ""` turn all of them off.',
      mends: [
        {
          text: 'Name it in /etc/nix/nix.conf, before the others; without a daemon that is all.',
          lines: [
            'substituters = http://cache.lan:5000 https://cache.nixos.org',
            'systemctl restart nix-daemon',
          ],
        },
        {
          text: 'On NixOS, in the configuration of the machine.',
          lines: ['nix.settings.substituters = lib.mkBefore [ "http://cache.lan:5000" ];'],
        },
      ],
      source: 'nix.conf(5): substituters, substitute',
    },
    {
      id: 'untrusted-user',
      title: 'A user asks for it whom the daemon does not trust',
      said: [
        "ignoring untrusted substituter '…'",
        'you are not a trusted user',
        'ignoring the client-specified setting',
      ],
      signs: [
        {
          run: 'nix show-config | grep ^trusted-',
          prints:
            'trusted-users without you or a group of yours, and trusted-substituters without the server',
        },
      ],
      cause:
        'Substituters may replace any program of the machine, so the daemon takes them from its own /etc/nix/nix.conf, from root and from trusted users; from others only those in trusted-substituters.',
      mends: [
        {
          text: "Put it in the machine's own settings: substituters for all, or trusted-substituters for who asks.",
          lines: ['trusted-substituters = http://cache.lan:5000'],
        },
        {
          text: 'A trusted user is as good as root: prefer the line above.',
          lines: ['trusted-users = root alice'],
        },
      ],
      source: 'nix.conf(5): trusted-users, trusted-substituters',
    },
    {
      id: 'every-path-404',
      title: 'It answers every narinfo with 404',
      said: ['error: path … is not valid', 'HTTP error 404'],
      codes: ['UNSURE', 'WRONG_STORE_PATH', 'BAD_STORE_PATH', 'BAD_NARINFO', 'FOREIGN_URL'],
      signs: [
        {
          run: 'curl -i http://cache.lan:5000/$(basename $(readlink -f $(which nix)) | cut -c1-32).narinfo',
          prints: '404; the body says why: no upstream has it, or nobody trusted has signed it',
        },
        {
          run: 'narwhal status',
          prints: 'narinfo … negative, failed; or an upstream that is down',
        },
      ],
      cause:
        'No upstream has the path: it was built here, patched, or is of a nixpkgs that no cache builds. Or the upstream that has it is missing in the configuration, is away, or is not believed (see upstream-untrusted).',
      mends: [
        {
          text: 'Ask the upstream itself. What it does not have, narwhal cannot have.',
          lines: ['curl -I https://cache.nixos.org/<hash>.narinfo'],
        },
        {
          text: 'Add the upstream that has it, with its key, then reload.',
          lines: [
            '[[upstream]]',
            'url = "https://example.cachix.org"',
            'public_keys = ["example.cachix.org-1:…"]',
          ],
        },
      ],
      source: 'docs/operating.md, When an answer is no',
    },
    {
      id: 'other-store-dir',
      title: 'It is a cache for another store directory',
      said: ["binary cache '…' is for Nix stores with prefix '…', not '…'"],
      signs: [
        {
          run: 'curl http://cache.lan:5000/nix-cache-info',
          prints: "StoreDir: other than the client's, which is /nix/store nearly always",
        },
      ],
      cause:
        'Store paths are written into programs, so those of one store directory are of no use in another.',
      mends: [
        {
          text: 'Set cache.store_dir as on the clients, with an empty data directory. For both kinds of client run two narwhals.',
          lines: ['store_dir = "/nix/store"'],
        },
      ],
      source: 'nix-cache-info, src/libstore/http-binary-cache-store.cc of NixOS/nix',
    },
    {
      id: 'priority-ignored',
      title: 'Nix asks cache.nixos.org first',
      said: ['Priority', 'priority ignored', 'wrong order of substituters'],
      signs: [
        {
          run: 'curl http://cache.lan:5000/nix-cache-info',
          prints: "Priority: above 40, or of the same number as another's",
        },
        {
          run: 'narwhal troubleshoot --auto --url http://cache.lan:5000',
          prints: 'who is asked before it, and what Nix still remembers of it',
        },
      ],
      cause:
        'Nix asks by the number that each cache gives, the lower first, whatever the order in the list; cache.nixos.org says 40. It remembers the number: up to 2.9 for ever, later for 7 days.',
      mends: [
        {
          text: 'Lower cache.priority (30 is the default), then make clients forget.',
          lines: [
            'rm ~/.cache/nix/binary-cache-v*.sqlite*',
            'rm /root/.cache/nix/binary-cache-v*.sqlite*',
          ],
        },
        {
          text: 'Or say it on the client: this beats what the cache says.',
          lines: ['substituters = http://cache.lan:5000?priority=10 https://cache.nixos.org'],
        },
      ],
      source: 'nix.conf(5): substituters; src/libstore/nar-info-disk-cache.cc of NixOS/nix',
    },
    {
      id: 'remembered-absence',
      title: 'The client does not ask again for what was absent',
      said: ['negative cache', 'narinfo-cache-negative-ttl'],
      signs: [
        {
          run: 'curl -I http://cache.lan:5000/<hash>.narinfo',
          prints: '200, and yet Nix builds the path or takes it from elsewhere',
        },
        {
          run: 'narwhal troubleshoot --auto --url http://cache.lan:5000 --store-path /nix/store/<hash>-<name>',
          prints: "that this machine's Nix remembers it as absent",
        },
      ],
      cause:
        'Nix remembers a 404 for narinfo-cache-negative-ttl: an hour by default. narwhal itself remembers one for cache.negative_ttl: 30 s.',
      mends: [
        {
          text: 'Once, for one command.',
          lines: ['nix build --option narinfo-cache-negative-ttl 0 …'],
        },
        {
          text: 'For good, where paths are pushed to the cache and wanted soon after.',
          lines: ['narinfo-cache-negative-ttl = 60'],
        },
      ],
      source: 'nix.conf(5): narinfo-cache-negative-ttl',
    },
    {
      id: 'builds-locally',
      title: 'Nix builds what the cache has',
      said: ['these derivations will be built', 'building …'],
      signs: [
        {
          run: 'nix-store -q --outputs $(nix-instantiate "<nixpkgs>" -A hello)',
          prints: 'the path Nix wants: ask the cache for exactly this hash',
        },
        {
          run: 'nix build --dry-run -vv …',
          prints: 'whom it asks for the path, and what they answer',
        },
      ],
      cause:
        'The path it wants has another hash than the one in the cache: another nixpkgs, overlay or system. Or the derivation has allowSubstitutes = false (small wrappers do). Or a cache failed a moment ago and is left alone for 60 s.',
      mends: [
        {
          text: 'Compare hashes first: a name tells nothing. Pin the same nixpkgs on all machines (flake.lock).',
        },
        {
          text: 'To use the cache for trivial derivations too (Nix 2.19 or newer).',
          lines: ['always-allow-substitutes = true'],
        },
        { text: 'After an outage: wait a minute, or start the command again.' },
      ],
      source: 'nix.conf(5): always-allow-substitutes; src/libstore/build of NixOS/nix',
    },
    {
      id: 'narinfo-5xx',
      title: 'Nix ends the whole command on an error of the server',
      said: [
        "unable to download '….narinfo': HTTP error 503",
        'disabling binary cache',
        "substituter '…' is disabled",
      ],
      codes: ['NO_ANSWER', 'UPSTREAM_UNREACHABLE', 'UPSTREAM_STATUS'],
      signs: [
        {
          run: 'narwhal status',
          prints: 'state degraded; no upstream answers; only what is cached is served',
        },
        {
          run: 'nix --version',
          prints:
            "2.31 or older: a narinfo's 5xx ends the command, whatever else is in substituters",
        },
      ],
      cause:
        'No upstream could be asked, and narwhal does not claim that a path is absent when it does not know. It waits limits.patience and then says 503. Nix from 2.32 on asks the next substituter then.',
      mends: [
        { text: 'Mend the way upstream: see upstream-away.' },
        {
          text: 'To go without the cache this once.',
          lines: ['nix build --option substituters https://cache.nixos.org …'],
        },
        { text: 'Nix 2.32 or newer on the clients.' },
      ],
      source: 'docs/operating.md, When an answer is no; src/libstore/filetransfer.cc of NixOS/nix',
    },
  ],
}
