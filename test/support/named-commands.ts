import { runCommand } from '../cli/run-command.ts'

/** A call of narwhal that a text tells people to make. */
export interface NamedCommand {
  readonly name: string
  /** "--repair" */
  readonly flags: readonly string[]
}

const ownCommands =
  /^(status|monitor|bench|verify|gc|keygen|check-config|troubleshoot|diagnose|assess|plan|generate-config|direct-network|experiment|project-template|pin|unpin|token)$/

/** Finds calls of narwhal in a text: "narwhal verify --repair --data-dir …". */
export function commandsIn(text: string): NamedCommand[] {
  const calls = [...text.matchAll(/\bnarwhal ((?:[a-z]+-)?[a-z]+)((?: [^\s,;:)`]+)*)/g)]
  return calls
    .filter(([, name = '']) => ownCommands.test(name))
    .map(([, name = '', rest = '']) => ({
      name,
      flags: rest.split(' ').filter((word) => /^--[a-z]/.test(word)),
    }))
}

/** Those that this narwhal does not have, by the help of each command; empty when all is there. */
export async function missingCommands(commands: readonly NamedCommand[]): Promise<string[]> {
  const help = new Map<string, string>()
  for (const name of new Set(commands.map(({ name }) => name)))
    help.set(name, (await runCommand([name, '--help'])).stdout)
  return commands.flatMap(({ name, flags }) => {
    const text = help.get(name) ?? ''
    if (!text.startsWith(`Usage: narwhal ${name}`)) return [`narwhal ${name}`]
    return flags
      .filter((flag) => !new RegExp(`(^|[\\s,])${flag}([\\s,=]|$)`, 'm').test(text))
      .map((flag) => `narwhal ${name} ${flag}`)
  })
}
