/*
 * Loaded into the server before its own code (NODE_OPTIONS=--import …): SIGUSR2 sets its wall clock
 * ten years forward, then twenty back, and so on. The monotonic clock goes on as it does.
 */

const tenYearsMs = 10 * 365.25 * 24 * 3600 * 1000
const shifts = [tenYearsMs, -tenYearsMs, 0]
let shift = 0
const RealDate = Date

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RealDate.now() + shift)
    else super(...(args as [number]))
  }

  static override now(): number {
    return RealDate.now() + shift
  }
} as DateConstructor

process.on('SIGUSR2', () => {
  shift = shifts.shift() ?? 0
  process.stderr.write(`the clock says ${new Date().getFullYear()}\n`)
})
