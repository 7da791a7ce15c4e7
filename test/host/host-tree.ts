import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { HostRoots } from '../../src/host/host-roots.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Files by path; one that begins with "-> " is a symbolic link, its target seen from the root. */
export type Tree = Readonly<Record<string, string>>

/** Makes a machine's root of the files given, such as "proc/meminfo" and "etc/os-release". */
export async function hostWith(...trees: readonly Tree[]): Promise<HostRoots> {
  const root = await tempDir('host')
  for (const [path, text] of Object.entries(Object.assign({}, ...trees) as Tree)) {
    const file = join(root, path)
    await mkdir(dirname(file), { recursive: true })
    if (text.startsWith('-> ')) await symlink(join(root, text.slice(3)), file)
    else if (path.endsWith('/')) await mkdir(file, { recursive: true })
    else await writeFile(file, text)
  }
  return { root, proc: join(root, 'proc'), sys: join(root, 'sys') }
}

export interface DiskTree {
  readonly name: string
  /** major and minor; the partition's is one more */
  readonly id: readonly [number, number]
  /** where it hangs: "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0" */
  readonly bus: string
  readonly files?: Tree
  /** name of its only partition */
  readonly partition?: string
  /** what it stands on: names of devices made before */
  readonly slaves?: readonly string[]
}

/** A disk as /sys shows it: under its bus, and linked from where it is looked for. */
export function diskTree({ name, id, bus, files = {}, partition, slaves = [] }: DiskTree): Tree {
  const [major, minor] = id
  const own = `sys/devices/${bus}/block/${name}`
  const tree: Record<string, string> = {
    [`${own}/dev`]: `${major}:${minor}\n`,
    [`${own}/size`]: '1000215216\n',
    [`sys/block/${name}`]: `-> ${own}`,
    [`sys/class/block/${name}`]: `-> ${own}`,
    [`sys/dev/block/${major}:${minor}`]: `-> ${own}`,
  }
  for (const [file, text] of Object.entries(files)) tree[`${own}/${file}`] = text
  for (const slave of slaves) tree[`${own}/slaves/${slave}`] = `-> sys/class/block/${slave}`
  if (partition === undefined) return tree
  tree[`${own}/${partition}/partition`] = '1\n'
  tree[`${own}/${partition}/dev`] = `${major}:${minor + 1}\n`
  tree[`sys/class/block/${partition}`] = `-> ${own}/${partition}`
  tree[`sys/dev/block/${major}:${minor + 1}`] = `-> ${own}/${partition}`
  return tree
}

/** One line of /proc/self/mountinfo. */
export function mountLine(
  deviceId: string,
  mountPoint: string,
  [filesystem, source, options = 'rw']: readonly [string, string, string?],
): string {
  return `36 35 ${deviceId} / ${mountPoint} rw,noatime shared:1 - ${filesystem} ${source} ${options}\n`
}
