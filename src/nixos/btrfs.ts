import type { Assignment, Section } from './module-text.ts'
import { lines, reference } from './nix-value.ts'
import type { StoreFilesystem, WantedConfig } from './wanted-config.ts'

const kept = 2
const snapshotDirectory = '.snapshots'

/** Mount options and a snapshot service for a store on btrfs; nothing for any other filesystem. */
export function btrfsSection({ storeFilesystem }: WantedConfig): Section {
  const { type, mountPoint } = storeFilesystem
  // NixOS mounts /nix/store over itself, for reading only; its options are not its own.
  const isFound = type === 'btrfs' && mountPoint !== undefined && mountPoint !== '/nix/store'
  return {
    title: 'btrfs',
    assignments: isFound
      ? [...mountOptions(storeFilesystem, mountPoint), ...snapshots(mountPoint)]
      : [],
  }
}

function mountOptions({ mountOptions }: StoreFilesystem, mountPoint: string): Assignment[] {
  const isCompressed = mountOptions.some((option) => /^compress(-force)?(=|$)/.test(option))
  const missing = [
    ...(isCompressed ? [] : ['compress=zstd']),
    ...(mountOptions.includes('noatime') ? [] : ['noatime']),
  ]
  if (missing.length === 0) return []
  return [
    {
      path: ['fileSystems', mountPoint, 'options'],
      value: missing,
      because:
        'compress=zstd: store paths are programs and text, which shrink to about half. NARs of a cache are compressed already; btrfs notices and leaves them. noatime: reading writes nothing. Holds for what is written from now on.',
    },
  ]
}

/** Not on a timer: a snapshot keeps what the garbage collector deletes, and a full disk is worse. */
function snapshots(mountPoint: string): Assignment[] {
  const service = ['systemd', 'services', 'nix-snapshot']
  const directory = `${mountPoint === '/' ? '' : mountPoint}/${snapshotDirectory}`
  return [
    {
      path: [...service, 'description'],
      value: `Snapshot of ${mountPoint}, the last ${kept} kept`,
      because: [
        `Before a major change: systemctl start nix-snapshot. Back: from a rescue system, put the snapshot in place of the subvolume. Generations roll back by themselves (nixos-rebuild --rollback); a snapshot is for what they do not cover, such as a damaged store.`,
        `Never by a timer: a snapshot holds on to the room of all that is collected after it. "btrfs subvolume delete ${directory}/NAME" gives it back.`,
      ].join('\n'),
    },
    { path: [...service, 'path'], value: [reference('pkgs', 'btrfs-progs')] },
    { path: [...service, 'serviceConfig', 'Type'], value: 'oneshot' },
    { path: [...service, 'script'], value: lines(snapshotScript(mountPoint, directory)) },
  ]
}

function snapshotScript(mountPoint: string, directory: string): string {
  return `# Fails here where ${mountPoint} is no subvolume of its own.
btrfs subvolume show ${shellQuote(mountPoint)} > /dev/null
mkdir -p ${shellQuote(directory)}
btrfs subvolume snapshot -r ${shellQuote(mountPoint)} ${shellQuote(directory)}/"$(date +%Y-%m-%dT%H-%M-%S)"
# The names sort by age.
ls -1d ${shellQuote(directory)}/*T* | head -n -${kept} | while read -r old; do
  btrfs subvolume delete "$old"
done
`
}

function shellQuote(text: string): string {
  if (/^[\w./-]+$/.test(text)) return text
  return `'${text.replaceAll("'", "'\\''")}'`
}
