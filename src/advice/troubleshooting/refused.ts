import type { Branch } from './symptom.ts'

/** Bytes come, and are not believed. */
export const refused: Branch = {
  id: 'refused',
  title: 'What it sends is refused',
  ask: 'Who refuses it, and with which words?',
  children: [
    {
      id: 'key-missing',
      title: 'Nix: "does not have a valid signature"',
      said: [
        "the substitute for '…' from '…' is not signed by any of the keys in 'trusted-public-keys'",
        "ignoring substitute for '…' from '…', as it's not signed by any of the keys in 'trusted-public-keys'",
        "substituter '…' does not have a valid signature for path '…'",
        "cannot add path '…' because it lacks a valid signature",
        "cannot add path '…' because it lacks a signature by a trusted key",
      ],
      signs: [
        {
          run: 'curl -s http://cache.lan:5000/<hash>.narinfo | grep ^Sig',
          prints: 'the name of the key before the colon',
        },
        {
          run: 'nix show-config | grep ^trusted-public-keys',
          prints: 'no key of that name, or one with other letters after the colon',
        },
      ],
      cause:
        "narwhal passes the upstreams' signatures on as they are, so clients need the upstreams' keys, not one of narwhal's. Nix looks for a key by its name: one with the right name and a typo in the rest counts for nothing.",
      mends: [
        {
          text: 'Add the key as its owner publishes it; narwhal shows those it trusts itself at its address.',
          lines: [
            'curl http://cache.lan:5000/',
            'extra-trusted-public-keys = <name>:<base64>',
            'systemctl restart nix-daemon',
          ],
        },
        {
          text: 'A path that you built and signed yourself: with the key that narwhal keygen wrote, sign it and give clients the public half.',
          lines: ['nix store sign --key-file cache.lan-1.secret /nix/store/<hash>-<name>'],
        },
        {
          text: "Do not set require-sigs = false: then whoever answers in the cache's place can replace any program.",
        },
      ],
      source:
        'nix.conf(5): trusted-public-keys; src/libstore/build/substitution-goal.cc of NixOS/nix',
    },
    {
      id: 'upstream-untrusted',
      title: 'narwhal refuses a narinfo of an upstream',
      said: [
        'is signed only by keys not trusted here: …',
        'is not signed',
        'narwhal_verification_failures_total',
        'NarwhalUnverified',
      ],
      codes: ['UNTRUSTED', 'BAD_SIGNATURE'],
      signs: [
        {
          run: 'curl http://cache.lan:5000/<hash>.narinfo',
          prints: '404 with UNTRUSTED, and the upstream it is about',
        },
        { run: 'journalctl -u narwhal | grep UNTRUSTED', prints: 'which paths of which upstream' },
      ],
      cause:
        'The upstream signs with a key that is neither in trusted_public_keys nor in its own public_keys, or it does not sign at all.',
      mends: [
        {
          text: 'Give that upstream its key, then reload.',
          lines: ['public_keys = ["example.cachix.org-1:…"]', 'systemctl reload narwhal'],
        },
        {
          text: 'An upstream in your own hands that does not sign: let it sign. verify = "none" keeps one bad answer for everybody.',
        },
      ],
      source: 'docs/operating.md, Trust',
    },
    {
      id: 'hash-mismatch',
      title: 'A hash does not match',
      said: [
        "hash mismatch importing path '…'; specified: … got: …",
        "hash mismatch in file downloaded from '…'",
        'unexpected end-of-file',
        'transfer closed with … bytes remaining to read',
        'NarwhalBrokenResponses',
      ],
      codes: [
        'CORRUPT',
        'UPSTREAM_CUT_SHORT',
        'UPSTREAM_MALFORMED',
        'UNVERIFIABLE',
        'CHECK_FAILED',
        'BAD_NAR',
        'BAD_HASH',
        'BAD_BASE32',
        'BAD_LISTING',
        'BAD_REALISATION',
      ],
      signs: [
        {
          run: 'journalctl -u narwhal | grep CORRUPT',
          prints: 'the file, and the upstream that sent it: damaged before it came here',
        },
        {
          run: 'narwhal verify --data-dir /var/lib/narwhal',
          prints: 'damaged …: it has changed on this disk (stop the server first)',
        },
        {
          run: 'curl -s http://cache.nixos.org/<nar> | sha256sum',
          prints: 'another sum than FileHash: something on the way changes what passes',
        },
      ],
      cause:
        'An upstream holds a damaged file; or a box on the way (a caching proxy, an antivirus) changes it; or the disk or the memory of the server flips bits. narwhal holds back the end of what is wrong, so clients see a broken transfer, not a wrong file.',
      mends: [
        {
          text: 'What was damaged on this disk is fetched again.',
          lines: [
            'systemctl stop narwhal.socket narwhal',
            'narwhal verify --repair --data-dir /var/lib/narwhal',
            'systemctl start narwhal.socket narwhal',
          ],
        },
        {
          text: 'Damaged upstream: the next upstream that has it is asked; for one alone, report it there and let the client build.',
          lines: ['nix build --fallback …'],
        },
        {
          text: 'Again and again, of different files: test the memory (memtest86+) and look at the disk (smartctl -a).',
        },
      ],
      source: 'docs/operating.md, When bytes are wrong; docs/reliability.md, U5 and D6',
    },
    {
      id: 'nar-gone',
      title: 'The narinfo is there, the NAR is not',
      said: [
        "file '…' does not exist in binary cache '…'",
        "some substitutes for the outputs of derivation '…' failed (usually happens due to networking issues); try '--fallback' to build derivation from source",
      ],
      codes: ['NAR_GONE'],
      signs: [{ run: 'curl -I http://cache.lan:5000/nar/<file>', prints: '404 with NAR_GONE' }],
      cause:
        'The upstream has deleted it (Cachix and self-made caches collect garbage); Nix remembers narinfos for 30 days and asks for the NAR alone, so it learns of it late.',
      mends: [
        {
          text: 'Make the client ask anew.',
          lines: ['nix build --option narinfo-cache-positive-ttl 0 …'],
        },
        {
          text: 'Let it build what nobody has any more. From Nix 2.24 on this may stand in nix.conf; older ones can crash with it.',
          lines: ['fallback = true'],
        },
      ],
      source: 'nix.conf(5): fallback, narinfo-cache-positive-ttl; docs/operating.md, NAR URLs',
    },
  ],
}
