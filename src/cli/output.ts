import { styleText } from 'node:util'

/** What a command's exit says: done, "no" (what was asked about does not hold), misused, failed. */
export const exitCodes = { ok: 0, no: 1, usage: 2, failed: 3 } as const

/** Writes a line of data: what a program that calls this one wants to read. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Writes a line for the person who watches. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Colours text for a stream: on a terminal only, and not with NO_COLOR. */
export function paint(
  style: Parameters<typeof styleText>[0],
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(style, text, { stream })
}

/** Rows of two columns, the second one aligned. */
export function alignRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n')
}

/** Lets readers such as head leave early; what cannot be written otherwise has failed. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return
      if (stream === process.stdout) tell(`error: cannot write the output: ${error.message}`)
      process.exit(exitCodes.failed)
    })
}

/** Lets a server go on serving when nobody can be told anything any more: a full disk, a reader gone. */
export function ignoreBrokenOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.removeAllListeners('error').on('error', () => undefined)
}
