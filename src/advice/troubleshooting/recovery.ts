import type { Branch } from './symptom.ts'

/** Something is lost: what to do, in which order. */
export const recovery: Branch = {
  id: 'recovery',
  title: 'Emergency: something is lost',
  ask: 'What is lost?',
  children: [
    {
      id: 'server-lost',
      title: 'The server itself: clients must go on now',
      said: ['NarwhalGone'],
      signs: [{ run: 'narwhal status --url http://cache.lan:5000', prints: 'cannot reach …' }],
      cause:
        'Nothing that clients need is only there, unless you built it yourself: all else is on the upstreams.',
      mends: [
        {
          text: 'For one command, past the cache.',
          lines: ['nixos-rebuild switch --option substituters https://cache.nixos.org'],
        },
        {
          text: 'Until it is back: take it out of substituters, or keep connect-timeout = 5 and let Nix go on by itself.',
        },
        {
          text: 'A new one: install, copy its configuration and keys, start. It fills itself; from an old disk, copy cache/ first.',
          lines: [
            'rsync -a /mnt/old/narwhal/cache/ /var/lib/narwhal/cache/',
            'narwhal verify --data-dir /var/lib/narwhal',
          ],
        },
      ],
      source: 'docs/operating.md, The data directory',
    },
    {
      id: 'index-lost',
      title: 'The index: index.sqlite is damaged or gone',
      said: [
        'the index cannot be read any more',
        'database disk image is malformed',
        'index-rebuilding',
      ],
      codes: ['INDEX_LOST'],
      signs: [{ run: 'narwhal status', prints: 'index-rebuilding, while cache/ is read' }],
      cause:
        'A power cut with a disk that lies about what it has written, a full disk, a person. The index only speeds things up.',
      mends: [
        {
          text: 'Nothing: narwhal puts it aside and rebuilds it from cache/ while it serves (a million files: about two minutes).',
        },
        {
          text: 'If it will not: delete it and start again.',
          lines: [
            'systemctl stop narwhal.socket narwhal',
            'rm /var/lib/narwhal/index.sqlite*',
            'systemctl start narwhal.socket narwhal',
          ],
        },
      ],
      source: 'docs/operating.md, The data directory; docs/reliability.md, D8 and D11',
    },
    {
      id: 'disk-full-now',
      title: 'Room: the disk is so full that nothing works',
      said: ['No space left on device', 'cannot log in'],
      codes: ['DISK'],
      signs: [{ run: 'df -h', prints: 'Use% 100' }],
      cause: 'See disk-full. What the cache holds can be fetched again, so it may always go first.',
      mends: [
        {
          text: 'What was read longest ago, with the server stopped.',
          lines: [
            'systemctl stop narwhal.socket narwhal',
            'narwhal gc --data-dir /var/lib/narwhal --max-size 10GiB',
            'systemctl start narwhal.socket narwhal',
          ],
        },
        {
          text: 'If even that fails: NARs may be deleted by hand, they are fetched again when asked for. Never touch /nix/store by hand.',
          lines: ['find /var/lib/narwhal/cache/nar -type f -size +100M -delete'],
        },
        { text: 'Then the store itself.', lines: ['nix-collect-garbage --delete-older-than 14d'] },
      ],
      source: 'docs/operating.md, The data directory and Disk space',
    },
    {
      id: 'cache-corrupt',
      title: 'Trust in the cache: files were damaged',
      said: ['damaged', 'orphan', 'fsck'],
      codes: ['CORRUPT', 'IN_USE', 'NO_DATA'],
      signs: [
        {
          run: 'narwhal verify --data-dir /var/lib/narwhal --json',
          prints: 'findings with kind damaged; exit code 1',
        },
      ],
      cause:
        'A dying disk, bad memory, a crash of the file system. Clients hold every NAR against its signed hash, so nothing wrong was installed.',
      mends: [
        {
          text: 'Fetch again what is damaged. Ctrl-C stops it, --continue goes on.',
          lines: [
            'systemctl stop narwhal.socket narwhal',
            'narwhal verify --repair --data-dir /var/lib/narwhal',
            'systemctl start narwhal.socket narwhal',
          ],
        },
        {
          text: 'Much of it: start with an empty cache, it fills itself.',
          lines: ['mv /var/lib/narwhal/cache /var/lib/narwhal/cache.old'],
        },
        {
          text: "The client's own store, if you doubt it.",
          lines: ['nix-store --verify --check-contents --repair'],
        },
      ],
      source: 'docs/operating.md, When the disk is sick',
    },
    {
      id: 'key-lost',
      title: 'A signing key: lost, or known to others',
      said: ['secret key', 'key compromised'],
      signs: [
        {
          run: 'ls -l /root/narwhal-keys',
          prints: 'no such file, or one that others may read (not -rw-------)',
        },
      ],
      cause:
        'Lost: nothing new can be signed, what is signed stays good. Known to others: who has it can replace any program on machines that trust it.',
      mends: [
        {
          text: 'Make a new pair, with a new name: the number at its end is for that.',
          lines: ['narwhal keygen cache.lan-2 --out /root/narwhal-keys'],
        },
        {
          text: 'Put the new public key on every client. Lost: leave the old one too. Known to others: take the old one out everywhere first.',
          lines: ['extra-trusted-public-keys = cache.lan-2:…'],
        },
        {
          text: 'Sign your own paths with the new one.',
          lines: ['nix store sign --key-file /root/narwhal-keys/cache.lan-2.secret --all'],
        },
        {
          text: 'On the proxy take the old key out of trusted_public_keys and reload: paths only it has signed are no longer passed on.',
          lines: ['systemctl reload narwhal'],
        },
      ],
      source: 'docs/operating.md, Trust; nix store sign --help',
    },
  ],
}
