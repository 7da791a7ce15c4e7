import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { atTestEnd } from './at-test-end.ts'
import { tempDir } from './temp-dir.ts'

export interface NotifyReceiver {
  /** what NOTIFY_SOCKET is to say */
  readonly path: string
  /** what came so far, one message each */
  messages(): string[]
}

/** Stands in for systemd at the other end of NOTIFY_SOCKET. Gone at the end of the test. */
export async function startNotifyReceiver(): Promise<NotifyReceiver> {
  const path = join(await tempDir('notify'), 'socket')
  const script = join(import.meta.dirname, 'notify-receiver.pl')
  const child = spawn('perl', [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  atTestEnd(() => void child.kill())
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await expect.poll(() => output).toBe('bound\n')
  return {
    path,
    // systemd-notify's own word to systemd: "have you read it?"
    messages: () => output.split('\n').filter((line) => !/^(|bound|BARRIER=1)$/.test(line)),
  }
}
