import { createHash } from 'node:crypto'
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Caches whose NAR URLs do not carry the file's hash, by the software that serves them. */
export type OpaqueShape = 'cachix' | 'harmonia' | 'nix-serve' | 'attic'

interface Shape {
  readonly name: OpaqueShape
  readonly compression: 'none' | 'zstd'
  /** whether the narinfo tells FileHash and FileSize */
  readonly fileHash: boolean
  url(path: { readonly hash: string; readonly narHash: string }): string
}

/** Seen in the wild; FileHash, FileSize and URL are outside the signature, so Sig stays valid. */
export const opaqueShapes: readonly Shape[] = [
  {
    name: 'cachix',
    compression: 'zstd',
    fileHash: true,
    url: ({ hash }) => `nar/${uuidOf(hash)}.nar.zst`,
  },
  {
    name: 'harmonia',
    compression: 'none',
    fileHash: false,
    url: ({ hash, narHash }) => `nar/${narHash}.nar?hash=${hash}`,
  },
  {
    name: 'nix-serve',
    compression: 'none',
    fileHash: false,
    url: ({ hash, narHash }) => `nar/${hash}-${narHash}.nar`,
  },
  { name: 'attic', compression: 'zstd', fileHash: false, url: ({ hash }) => `nar/${hash}.nar` },
]

/** Writes the same paths as the file cache `from`, dressed as another server would show them. */
export async function writeOpaqueCache({
  from,
  to,
  shape,
}: {
  from: string
  to: string
  shape: Shape
}): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const name of await readdir(from)) {
    if (name === 'nix-cache-info') await link(join(from, name), join(to, name))
    if (!name.endsWith('.narinfo')) continue
    const text = await readFile(join(from, name), 'utf8')
    const narHash = fieldOf(text, 'NarHash').replace('sha256:', '')
    const url = shape.url({ hash: name.replace('.narinfo', ''), narHash })
    const file = join(to, url.replace(/\?.*$/, ''))
    await mkdir(dirname(file), { recursive: true })
    await link(join(from, fieldOf(text, 'URL')), file).catch(unlessTaken)
    await writeFile(join(to, name), dressed(text, url, shape.fileHash))
  }
}

/** The value of a narinfo's field. */
export function fieldOf(narinfo: string, field: string): string {
  const line = narinfo.split('\n').find((candidate) => candidate.startsWith(`${field}: `))
  if (line === undefined) throw new Error(`no ${field} in:\n${narinfo}`)
  return line.slice(field.length + 2)
}

function dressed(narinfo: string, url: string, fileHash: boolean): string {
  const lines = narinfo.split('\n').filter((line) => fileHash || !/^File(Hash|Size): /.test(line))
  return lines.map((line) => (line.startsWith('URL: ') ? `URL: ${url}` : line)).join('\n')
}

function uuidOf(hash: string): string {
  const hex = createHash('sha256').update(hash).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-')
}

// equal contents have one NAR: harmonia names them alike
function unlessTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
