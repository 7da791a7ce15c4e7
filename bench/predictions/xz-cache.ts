import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSample, sampleBytes } from '../../src/cli/measure/codec-rates.ts'
import { encodeBase32 } from '../../src/nix/base32.ts'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { formatDigest, type Hash } from '../../src/nix/hash.ts'
import { encodeNar } from '../../src/nix/nar.ts'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { type SecretKey, signText } from '../../src/nix/signature.ts'
import { parseBaseName } from '../../src/nix/store-path.ts'

export interface XzCache {
  readonly infos: readonly NarInfo[]
  readonly packedBytes: number
  readonly unpackedBytes: number
}

/** Pieces of Node's executable in each NAR. */
const pieces = 4

/**
 * Adds NARs in xz to a binary cache, packed by xz itself as Nix has it. xz takes a minute for what
 * narwhal unpacks in seconds; so each piece of a NAR is a stream of its own, packed once, and the
 * NARs differ in the order of their pieces.
 */
export async function addXzNars(
  directory: string,
  secretKey: SecretKey,
  nars: number,
): Promise<XzCache> {
  const blocks: Buffer[] = []
  for (let piece = 0; piece < pieces; piece++)
    blocks.push(await readSample((piece + 1) / (pieces + 1)))
  const packed = new Map<Buffer, Buffer>()
  // Two at a time: as many as the smallest of machines has cores for.
  for (let at = 0; at < pieces; at += 2)
    await Promise.all(
      blocks.slice(at, at + 2).map(async (block) => packed.set(block, await xz(block))),
    )
  const infos: NarInfo[] = []
  for (let turn = 0; turn < nars; turn++) {
    const order = [...blocks.slice(turn % pieces), ...blocks.slice(0, turn % pieces)]
    // Beyond one turn of the pieces, the first is left out.
    const contents = turn < pieces ? order : order.slice(1)
    infos.push(await writeNar(contents, { directory, secretKey, packed, turn }))
  }
  return {
    infos,
    packedBytes: infos.reduce((sum, { fileSize = 0 }) => sum + fileSize, 0),
    unpackedBytes: infos.reduce((sum, { narSize }) => sum + narSize, 0),
  }
}

async function writeNar(
  contents: readonly Buffer[],
  to: { directory: string; secretKey: SecretKey; packed: Map<Buffer, Buffer>; turn: number },
): Promise<NarInfo> {
  const { directory, secretKey, packed, turn } = to
  const file = Buffer.concat(contents)
  const nar = Buffer.from(encodeNar({ type: 'regular', executable: true, contents: file }))
  const begin = nar.indexOf(file.subarray(0, sampleBytes))
  const streams = [
    await xz(nar.subarray(0, begin)),
    ...contents.map((block) => packed.get(block) as Buffer),
    await xz(nar.subarray(begin + file.length)),
  ]
  const xzFile = Buffer.concat(streams)
  const fileHash = sha256(xzFile)
  const name = createHash('sha256').update(`xz nar ${turn}`).digest().subarray(0, 20)
  const signed = {
    storeDir: '/nix/store',
    storePath: parseBaseName(`${encodeBase32(name)}-program-${turn}`),
    references: [],
    narHash: sha256(nar),
    narSize: nar.length,
  }
  const info: NarInfo = {
    ...signed,
    url: `nar/${formatDigest(fileHash, 'nix32')}.nar.xz`,
    compression: 'xz',
    fileHash,
    fileSize: xzFile.length,
    deriver: undefined,
    system: undefined,
    signatures: [signText(fingerprint(signed), secretKey)],
    ca: undefined,
  }
  await writeFile(join(directory, info.url), xzFile)
  await writeFile(join(directory, `${info.storePath.hash}.narinfo`), printNarInfo(info))
  return info
}

function xz(input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'xz',
      ['-6', '-c'],
      { encoding: 'buffer', maxBuffer: 2 ** 30 },
      (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
    )
    child.stdin?.end(input)
  })
}

function sha256(bytes: Uint8Array): Hash {
  return { algorithm: 'sha256', digest: createHash('sha256').update(bytes).digest() }
}
