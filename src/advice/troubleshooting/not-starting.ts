import type { Branch } from './symptom.ts'

/** The server ends before it serves anything. */
export const notStarting: Branch = {
  id: 'not-starting',
  title: 'The server does not start',
  ask: 'What does it say? See: journalctl -u narwhal -n 20',
  children: [
    {
      id: 'bad-config',
      title: 'It says that the configuration has mistakes',
      said: ['unknown key (did you mean …?)'],
      codes: ['BAD_CONFIG', 'CONFIG_UNREADABLE', 'SECRET_UNREADABLE', 'BAD_SIZE', 'BAD_KEY'],
      signs: [
        {
          run: 'narwhal check-config --config /etc/narwhal/narwhal.toml',
          prints: 'one line for each mistake, with file and line; exit code 1',
        },
      ],
      cause:
        'A key is misspelt, a value is of the wrong kind, or a file it names cannot be read by the user narwhal runs as. At a reload (SIGHUP) the old configuration stays in force instead.',
      mends: [
        {
          text: 'Mend every line it names, then check again. config/narwhal.toml shows each option with its default.',
          lines: [
            'narwhal check-config --config /etc/narwhal/narwhal.toml',
            'systemctl restart narwhal',
          ],
        },
        {
          text: 'SECRET_UNREADABLE: under systemd narwhal runs as a user of its own. Give it the file with LoadCredential=, or make it readable for that user alone.',
        },
      ],
      source: 'docs/operating.md, Changing the configuration; docs/errors.md',
    },
    {
      id: 'port-taken',
      title: 'Something else has its port',
      said: ['listen EADDRINUSE: address already in use …', 'listen EACCES: permission denied …'],
      codes: ['CANNOT_LISTEN'],
      signs: [
        {
          run: 'ss -ltnp "sport = :5000"',
          prints: 'a line whose users:(("…")) is not narwhal: nix-serve and harmonia use 5000 too',
        },
      ],
      cause:
        'Two programs cannot listen on one address and port. Ports below 1024 are for root and for who has CAP_NET_BIND_SERVICE.',
      mends: [
        { text: 'Stop the other program for good.', lines: ['systemctl disable --now nix-serve'] },
        {
          text: 'Or give narwhal another port, and tell every client and the firewall.',
          lines: ['listen = ["[::]:5001"]'],
        },
        {
          text: 'With socket activation systemd holds the port: then the address stands in narwhal.socket, and `listen` counts for nothing.',
          lines: ['systemctl status narwhal.socket'],
        },
      ],
      source: 'listen(2), bind(2); docs/operating.md, Under systemd',
    },
    {
      id: 'permission-denied',
      title: 'It may not use its data directory',
      said: [
        'cannot create the data directory …: EACCES: permission denied, mkdir …',
        'the data directory cannot be written (…)',
        'EROFS: read-only file system',
      ],
      codes: ['DISK', 'NO_DATA'],
      signs: [
        {
          run: 'namei -l /var/lib/narwhal',
          prints: "a directory on the way that narwhal's user may not enter (x) or write (w)",
        },
        {
          run: 'findmnt -T /var/lib/narwhal -o TARGET,OPTIONS',
          prints: 'ro among the options: the file system is read-only',
        },
      ],
      cause:
        'The directory belongs to somebody else, often because narwhal once ran as root; or ProtectSystem=strict hides a data_dir outside of StateDirectory=; or the kernel has made the file system read-only after an error.',
      mends: [
        {
          text: 'Give it back to the user of the service. With DynamicUser=true systemd does that itself for /var/lib/narwhal.',
          lines: ['chown -R narwhal: /srv/narwhal'],
        },
        {
          text: 'A data_dir elsewhere must be allowed in the unit.',
          lines: ['ReadWritePaths=/srv/narwhal'],
        },
        {
          text: "Read-only after an error: look at the kernel's log before you mount it again; see sd-card-dying.",
          lines: ['journalctl -k -p err'],
        },
      ],
      source:
        'systemd.exec(5): DynamicUser, StateDirectory, ProtectSystem; docs/operating.md, When the disk is sick',
    },
    {
      id: 'data-dir-locked',
      title: 'Another narwhal uses the data directory',
      said: ['another narwhal uses this data directory (…)', 'a narwhal is using …'],
      codes: ['LOCKED', 'IN_USE'],
      signs: [
        {
          run: 'fuser -v /var/lib/narwhal/lock',
          prints: 'the process that holds it; nothing where nobody does',
        },
      ],
      cause:
        "One directory, one process. verify and gc need the server stopped too. The lock is the kernel's and goes with its process: one that is left over does not exist.",
      mends: [
        {
          text: 'Stop the server for as long as verify or gc takes.',
          lines: [
            'systemctl stop narwhal.socket narwhal',
            'narwhal verify --data-dir /var/lib/narwhal',
            'systemctl start narwhal.socket narwhal',
          ],
        },
        { text: 'Or give the second one a data_dir of its own.' },
      ],
      source: 'src/store/lock.ts; docs/reliability.md, D9',
    },
  ],
}
