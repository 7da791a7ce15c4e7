import type { NarChecker } from '../codec/nar-check.ts'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { type NarInfo, printNarInfo } from '../nix/narinfo.ts'
import type { KeyRing, SecretKey } from '../nix/signature.ts'
import { baseName, type StoreHash } from '../nix/store-path.ts'
import type { NarFile } from '../policy/nar-file.ts'
import { joined, type PushedNarinfo, readPushed } from '../policy/pushed-narinfo.ts'
import { requireTrust } from '../policy/trust.ts'
import type { Disk } from '../store/disk.ts'
import type { NarReader } from '../store/nar-reader.ts'
import type { PushedNar } from '../store/origin.ts'
import { infoOf } from '../store/record-info.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { KiB } from '../units.ts'
import { narHashText } from './hand-out.ts'
import type { Narinfos } from './narinfos.ts'
import type { Nars } from './nars.ts'
import type { IncomingNar, PendingNars } from './pending-nars.ts'
import type { Upstream } from './upstream.ts'

export interface UploadsOptions {
  readonly disk: Disk
  readonly narinfos: Narinfos
  readonly nars: Nars
  readonly checker: NarChecker
  readonly pending: PendingNars
  readonly upstreams: readonly Upstream[]
  /** Keys believed whoever sends their signatures, our own among them. */
  readonly keys: KeyRing
  /** Signs what no believed key has signed; without it such paths are refused. */
  readonly signingKey: SecretKey | undefined
  readonly storeDir: string
  readonly maxUploadBytes: number
  readonly log: Log
}

type PushedFile = NarFile & { readonly shape: 'file' }

const pieceBytes = 256 * KiB

/**
 * Takes paths that are pushed here: a NAR, which waits, then its narinfo. Both are held against each
 * other, the NAR is unpacked, and only then do both get their place.
 */
export class Uploads {
  readonly #options: UploadsOptions

  constructor(options: UploadsOptions) {
    this.#options = options
  }

  /**
   * Makes room for a NAR.
   *
   * @param bytes as its sender says
   * @throws AppError UPLOAD_TOO_LARGE, NO_ROOM, BUSY
   */
  async expectNar(file: PushedFile, bytes: number | undefined): Promise<IncomingNar> {
    const { pending, checker, maxUploadBytes } = this.#options
    if (!checker.canCheck(file.compression))
      throw new AppError('UPLOAD_REFUSED', `narwhal cannot unpack ${file.compression}`)
    return pending.expect(file, bytes, maxUploadBytes)
  }

  /** @throws AppError NO_ROOM while nothing can be written */
  requireDisk(): void {
    if (!this.#options.disk.isStoring)
      throw new AppError('NO_ROOM', 'the data directory cannot be written now')
  }

  /**
   * Publishes a path whose NAR is here, once all that its narinfo says has proved right.
   *
   * @param text of the narinfo
   * @param token name of the token it was pushed with
   * @returns false when the path was here already
   * @throws AppError UPLOAD_REFUSED, UPLOAD_UNSIGNED, UPLOAD_CONFLICT, NO_ROOM; CHECK_FAILED
   */
  async takeNarinfo(hash: StoreHash, text: Uint8Array, token: string): Promise<boolean> {
    const { pending, log } = this.#options
    const pushed = readPushed(text, { ...this.#options, hash })
    const isNew = await pending.turns.take(hash, () => this.#publish(pushed))
    const path = baseName(pushed.info.storePath)
    log.info(
      { path, token, isNew },
      isNew ? 'took a pushed path' : 'was pushed a path that is here',
    )
    return isNew
  }

  /**
   * Deletes a path, whether it was pushed or fetched: its narinfo, then its NAR, unless that belongs
   * to another path too.
   *
   * @returns false when it is not here
   */
  async remove(hash: StoreHash, token: string): Promise<boolean> {
    const { disk, narinfos, pending, log } = this.#options
    // Whose NAR it is else, only a whole index knows.
    await disk.ready
    return pending.turns.take(hash, async () => {
      const record = await disk.narinfo(hash)
      if (!record) return false
      // Its NAR may have been packed anew meanwhile.
      const { file, original } = (await narinfos.forget(hash)) ?? record
      await disk.origin.forgetListing(hash)
      for (const each of [file, original?.file])
        if (each !== undefined) await disk.zstdForms.removeUnpromised(each, Date.now())
      log.info({ path: baseName(infoOf(record).storePath), token }, 'deleted a path')
      return true
    })
  }

  async #publish(pushed: PushedNarinfo): Promise<boolean> {
    const { pending } = this.#options
    const { info, pushedAs } = pushed
    const there = await this.#there(info.storePath.hash)
    if (there && (await this.#join(there, info))) {
      await pending.turns.take(pushedAs, () => pending.drop(pushedAs))
      return false
    }
    await pending.turns.take(pushedAs, async () => {
      // The NAR of another path, found here, may be deleted meanwhile: then the one that waits is taken.
      if ((await this.#place(pushed)) || (await this.#place(pushed))) return
      throw new AppError('UPLOAD_REFUSED', `nar/${pushed.file.name} has just been evicted`)
    })
    return true
  }

  /** The narinfo clients get of this path now, if any, and if it is believed. */
  async #there(hash: StoreHash): Promise<NarinfoRecord | undefined> {
    const { disk, upstreams, keys, storeDir } = this.#options
    const record = await disk.narinfo(hash)
    if (!record) return undefined
    const from = upstreams.find(({ source }) => source.name === record.upstream)
    const all = new Map([...upstreams.flatMap((upstream) => [...upstream.keys]), ...keys])
    try {
      const verify = from?.verify ?? 'signature'
      requireTrust(infoOf(record), { hash, storeDir, keys: all, verify })
      return record
    } catch (error) {
      if (isAppError(error)) return undefined
      throw error
    }
  }

  /**
   * Makes a path that is here one that was pushed.
   *
   * @returns false when its NAR is not here
   * @throws AppError UPLOAD_CONFLICT when it is another path
   */
  async #join(there: NarinfoRecord, pushed: NarInfo): Promise<boolean> {
    const { disk, narinfos } = this.#options
    const before = infoOf(there)
    const more = joined(before, pushed)
    const bytes = await this.#bytesOnDisk(there.file)
    if (bytes === undefined) return false
    if (!(await this.#requireChecked(there.file, bytes, before))) return false
    const record = more ? withSignatures(there, more) : there
    if (!more && (await disk.origin.isMarked(there.file))) return true
    if (!(await this.#keep(record, undefined, narHashText(before)))) return false
    narinfos.refresh(record)
    return true
  }

  /** @returns false when its NAR, found on the disk, has gone meanwhile */
  async #place({ info, file, pushedAs }: PushedNarinfo): Promise<boolean> {
    const { narinfos, pending } = this.#options
    const onDiskBytes = await this.#bytesOnDisk(file.name)
    let nar: PushedNar | undefined
    if (onDiskBytes !== undefined) {
      requireFileSize(info, onDiskBytes)
      if (!(await this.#requireChecked(file.name, onDiskBytes, info))) return false
    } else {
      nar = pending.get(pushedAs) ?? (await this.#fetch(file))
      try {
        requireFileSize(info, nar.bytes)
        await this.#requireRight(nar.path, nar.bytes, info)
      } catch (error) {
        if (isAppError(error, 'UPLOAD_REFUSED')) await this.#drop(pushedAs, file.name)
        throw error
      }
    }
    const fileSize = onDiskBytes ?? nar?.bytes
    const record: NarinfoRecord = {
      hash: info.storePath.hash,
      text: printNarInfo({ ...info, fileHash: file.fileHash, fileSize }),
      file: file.name,
      upstream: undefined,
      upstreamUrl: undefined,
    }
    if (!(await this.#keep(record, nar, narHashText(info)))) return false
    await this.#drop(pushedAs, file.name)
    narinfos.refresh(record)
    return true
  }

  /** What was fetched instead of pushed has the name it is handed out as. */
  async #drop(...names: string[]): Promise<void> {
    for (const name of new Set(names)) await this.#options.pending.drop(name)
  }

  async #bytesOnDisk(file: string): Promise<number | undefined> {
    const reader = await this.#options.disk.openNar(file, Date.now())
    reader?.close()
    return reader?.size
  }

  /**
   * Holds a NAR of `cache/` against a narinfo, unless that was done before.
   *
   * @returns false when it has gone meanwhile
   */
  async #requireChecked(file: string, bytes: number, info: NarInfo): Promise<boolean> {
    const { disk } = this.#options
    const narHash = narHashText(info)
    if (disk.checkedHash(file) === narHash) return true
    try {
      await this.#requireRight(disk.layout.nar(file), bytes, info)
    } catch (error) {
      if (!disk.holds(file)) return false
      throw error
    }
    await disk.confirm(file, narHash, [])
    return true
  }

  async #requireRight(path: string, bytes: number, info: NarInfo): Promise<void> {
    const { checker } = this.#options
    const { compression, narHash, narSize } = info
    if (!checker.canCheck(compression))
      throw new AppError('UPLOAD_REFUSED', `narwhal cannot unpack ${compression}`)
    const verdict = await checker.check({ path, compression, narHash, narSize }).finish(bytes)
    if (!verdict.ok)
      throw new AppError(
        'UPLOAD_REFUSED',
        `the NAR is not what its narinfo says: ${verdict.reason}`,
      )
  }

  /** Who asked for the NAR and heard that an upstream has it did not push it. */
  async #fetch(file: PushedFile): Promise<PushedNar> {
    const { nars, pending } = this.#options
    let fault: unknown
    const open = await nars.open(file).catch((error: unknown) => {
      fault = error
      return undefined
    })
    try {
      if (open) {
        const incoming = await this.expectNar(file, open.reader.size)
        await incoming.take(allOf(open.reader))
      }
    } catch (error) {
      if (isAppError(error, 'NO_ROOM', 'UPLOAD_TOO_LARGE')) throw error
      fault = error
    } finally {
      open?.reader.close()
    }
    const nar = pending.get(file.name)
    if (nar) return nar
    const why = `nar/${file.name} is not here: push it before its narinfo`
    throw new AppError('UPLOAD_REFUSED', why, { cause: fault })
  }

  async #keep(
    record: NarinfoRecord,
    file: PushedNar | undefined,
    narHash: string,
  ): Promise<boolean> {
    try {
      return await this.#options.disk.keepPushed(record, { file, narHash })
    } catch (cause) {
      throw new AppError('NO_ROOM', `the disk does not take it: ${messageOf(cause)}`, { cause })
    }
  }
}

function requireFileSize({ fileSize }: NarInfo, bytes: number): void {
  if (fileSize !== undefined && fileSize !== bytes)
    throw new AppError('UPLOAD_REFUSED', `its FileSize is ${fileSize}, the NAR has ${bytes} bytes`)
}

/** Signatures count for whichever file the narinfo leads to. */
function withSignatures(record: NarinfoRecord, { signatures }: NarInfo): NarinfoRecord {
  const { original } = record
  const text = printNarInfo({ ...infoOf(record), signatures })
  if (!original) return { ...record, text }
  const before = infoOf({ ...record, ...original })
  return {
    ...record,
    text,
    original: { ...original, text: printNarInfo({ ...before, signatures }) },
  }
}

async function* allOf(reader: NarReader): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(pieceBytes)
  let position = 0
  for (;;) {
    const bytes = await reader.read(buffer, position)
    if (bytes === 0) return
    position += bytes
    yield buffer.subarray(0, bytes)
  }
}
