import type { StoreHash } from '../nix/store-path.ts'
import { type CollectionLimits, mustGo } from '../policy/collection.ts'
import type { DiskRoom } from './disk-room.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import type { Origin } from './origin.ts'
import type { NarAge } from './sqlite-index.ts'

/** Down to which size, and to which age, NARs go. */
export type NarLimits = Omit<CollectionLimits, 'bytes'>

export interface CollectTools {
  readonly index: ForgivingIndex
  readonly room: DiskRoom
  readonly origin: Origin
  /** Drops a narinfo. */
  readonly forget: (hash: StoreHash) => Promise<unknown>
}

const batchSize = 256

/**
 * Deletes NARs, those read longest ago first, and tells which. What was pushed here goes last, where
 * it may go at all.
 *
 * @param options isDry only tells what would go
 * @throws the system's error
 */
export async function* collectNars(
  tools: CollectTools,
  limits: NarLimits,
  { isDry, withOrigin }: { readonly isDry: boolean; readonly withOrigin: boolean },
): AsyncGenerator<NarAge> {
  const { index, room, origin } = tools
  let bytes = room.usedBytes
  for (const isOrigin of withOrigin ? [false, true] : [false]) {
    let last: NarAge | undefined
    for (;;) {
      const batch = index.narsByAge(last, batchSize, isOrigin)
      last = batch.at(-1)
      if (!last) break
      for (const nar of batch) {
        if (!mustGo(nar, { ...limits, bytes })) return
        if (!isOrigin && (await origin.isMarked(nar.file))) continue
        if (!isDry) await (isOrigin ? removePushed(nar.file, tools) : room.remove(nar.file))
        yield nar
        bytes -= nar.bytes
      }
    }
  }
}

/** Nobody else may have it, so nothing is remembered of it. */
async function removePushed(file: string, { index, room, origin, forget }: CollectTools) {
  const hashes = index.hashesOfFile(file)
  await room.remove(file)
  for (const hash of hashes) {
    await origin.forgetListing(hash)
    if (index.narinfo(hash)?.upstreamUrl === undefined) await forget(hash)
  }
}
