/**
 * Asks for one URL at a steady pace, whether or not the answers come, as a process of its own.
 * Takes a ProbeSetting as JSON in its argument; for every message it tells the latencies since the
 * last one, in milliseconds.
 */
import { Agent } from 'node:http'
import { download } from './download.ts'
import type { ProbeSetting } from './hot-run.ts'

const { url, intervalMs, localAddress }: ProbeSetting = JSON.parse(process.argv[2] ?? '{}')
const agent = new Agent({ keepAlive: true, localAddress })
let latenciesMs: number[] = []

setInterval(async () => {
  const { wallMs } = await download(url, { agent })
  latenciesMs.push(wallMs)
}, intervalMs)
process.on('message', () => {
  process.send?.(latenciesMs)
  latenciesMs = []
})
process.on('disconnect', () => process.exit())
