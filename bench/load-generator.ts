/**
 * The load of `narwhal bench`, in a process of its own, to be kept on its own core. Takes a Load as
 * JSON in its argument, writes a LoadResult.
 */
import { runLoad } from '../src/cli/bench/load.ts'
import { siteOf } from '../src/cli/bench/site.ts'
import type { Load, LoadResult } from './load.ts'

const { url, ...load }: Load = JSON.parse(process.argv[2] ?? '{}')
const site = siteOf(new URL(url), 'narwhal-bench')
const { responses, bytes, seconds, firstError, latencyMs } = await runLoad({ site, ...load })
if (firstError !== undefined) throw new Error(`unexpected answer: ${firstError}`)
if (bytes === 0) throw new Error(`not a byte came within ${load.seconds} s`)
const result: LoadResult = { responses, bytes, seconds, medianMs: latencyMs?.median ?? Number.NaN }
process.stdout.write(JSON.stringify(result))
