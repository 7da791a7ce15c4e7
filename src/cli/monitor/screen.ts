import { writeSync } from 'node:fs'

const sequences = {
  // The other screen, an invisible cursor, no wrapping at the right edge.
  enter: '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J',
  leave: '\u001b[?7h\u001b[?25h\u001b[?1049l',
  // What is between these appears at once, where the terminal knows how.
  begin: '\u001b[?2026h',
  end: '\u001b[?2026l',
} as const

/**
 * A whole terminal, drawn in place: only the lines that have changed are written. Whatever happens,
 * the terminal is given back as it was.
 */
export class Screen {
  readonly #output: NodeJS.WriteStream & { fd: number }
  #shown: readonly string[] = []
  #isOn = false
  readonly #onExit = () => this.leave()

  constructor(output: NodeJS.WriteStream & { fd: number }) {
    this.#output = output
  }

  get columns(): number {
    return this.#output.columns || 80
  }

  get rows(): number {
    return this.#output.rows || 24
  }

  enter(): void {
    if (this.#isOn) return
    this.#isOn = true
    this.#shown = []
    // After an error too, which Node tells of after this: on the screen that stays.
    process.on('exit', this.#onExit)
    this.#output.write(sequences.enter)
  }

  /** Gives the terminal back; at once, since the process may be about to end. */
  leave(): void {
    if (!this.#isOn) return
    this.#isOn = false
    process.off('exit', this.#onExit)
    try {
      writeSync(this.#output.fd, sequences.leave)
    } catch {
      // The terminal is gone: there is nothing to give back.
    }
  }

  /** Forgets what is shown: the next frame is written whole, after the screen was resized. */
  clear(): void {
    this.#shown = []
  }

  /** @param lines one for each line of the screen, without control characters but for colours */
  draw(lines: readonly string[]): void {
    if (!this.#isOn) return
    const isNew = this.#shown.length !== lines.length
    const changed = lines.flatMap((line, at) =>
      !isNew && line === this.#shown[at]
        ? []
        : [
            // Erased first: behind a line as wide as the screen, its last character would go.
            `\u001b[${at + 1};1H\u001b[K${line}`,
          ],
    )
    this.#shown = lines
    if (changed.length === 0) return
    const wipe = isNew ? '\u001b[2J' : ''
    this.#output.write(`${sequences.begin}${wipe}${changed.join('')}${sequences.end}`)
  }
}
