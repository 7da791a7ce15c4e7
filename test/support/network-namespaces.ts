import { atTestEnd } from './at-test-end.ts'
import { mustRun, type ProgramRun, runProgram } from './program-run.ts'

/** Two machines and a cable, as far as the kernel is concerned. */
export interface Cable {
  readonly server: CableEnd
  readonly client: CableEnd
}

export interface CableEnd {
  /** put before a command: it then runs on this machine */
  readonly wrapper: readonly string[]
  /** its interface, which has no address yet */
  readonly interface: string
  run(program: string, args: readonly string[]): Promise<ProgramRun>
  /** @throws Error with what it wrote to stderr */
  mustRun(program: string, args: readonly string[]): Promise<string>
}

const env = { PATH: process.env.PATH ?? '' }
let count = 0

/**
 * Makes two network namespaces with a cable between them; gone at the end of the test.
 *
 * @returns undefined where this machine does not let us: that takes root, and a kernel with veth
 */
export async function layCable(): Promise<Cable | undefined> {
  const base = `nw${process.pid}x${count++}`
  const names = { server: `${base}s`, client: `${base}c` }
  const ends = { server: endOf(names.server, 'lan0'), client: endOf(names.client, 'lan1') }
  for (const name of Object.values(names)) {
    atTestEnd(async () => void (await runProgram('ip', ['netns', 'delete', name], { env })))
    const made = await runProgram('ip', ['netns', 'add', name], { env })
    if (made.code !== 0) return undefined
  }
  const veth = ['link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1', 'netns']
  const laid = await runProgram('ip', ['-n', names.server, ...veth, names.client], { env })
  if (laid.code !== 0) return undefined
  for (const name of Object.values(names))
    await mustRun('ip', ['-n', name, 'link', 'set', 'lo', 'up'], { env })
  return ends
}

/** Gives both ends the addresses of a link and sets them up. */
export async function addressCable({ server, client }: Cable): Promise<void> {
  for (const [end, ip] of [
    [server, '10.255.255.1/30'],
    [client, '10.255.255.2/30'],
  ] as const) {
    await end.mustRun('ip', ['address', 'add', ip, 'dev', end.interface])
    await end.mustRun('ip', ['link', 'set', end.interface, 'up'])
  }
}

function endOf(name: string, interfaceName: string): CableEnd {
  const wrapper = ['ip', 'netns', 'exec', name]
  const [program = '', ...before] = wrapper
  return {
    wrapper,
    interface: interfaceName,
    run: (command, args) => runProgram(program, [...before, command, ...args], { env }),
    mustRun: (command, args) => mustRun(program, [...before, command, ...args], { env }),
  }
}
