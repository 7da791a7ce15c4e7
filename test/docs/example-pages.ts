import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machine } from '../../src/advice/machine.ts'
import type { Role } from '../../src/advice/roles.ts'
import { runCommand } from '../cli/run-command.ts'
import { type MachineName, machines } from '../support/machines.ts'

/** What each of the ten machines is, and the role it is asked about. */
export const exampleMachines: Readonly<Record<MachineName, { title: string; role: Role }>> = {
  'pentium-hdd': { title: 'An office computer with 4 GB and a hard disk', role: 'builder' },
  'raspberry-pi-4': { title: 'A Raspberry Pi 4 with 4 GB and an SD card', role: 'cache' },
  'vps-2gb': { title: 'A virtual server with 2 GB', role: 'builder' },
  'old-laptop-wifi': { title: 'An old laptop on WiFi', role: 'proxy' },
  'n100-nvme': { title: 'A small new computer with 16 GB and an NVMe SSD', role: 'builder' },
  'dual-xeon': { title: 'A server with two Xeons and 64 GB', role: 'builder' },
  'router-1gb': { title: 'A router with 1 GB and a USB disk', role: 'proxy' },
  'office-server': { title: 'An office server with 8 GB for ten developers', role: 'builder' },
  'virtual-machine-4gb': { title: 'A virtual machine with 4 GB', role: 'proxy' },
  'under-pressure': { title: 'A machine that runs out of memory', role: 'builder' },
}

function commandsFor(name: MachineName): string[][] {
  const { role } = exampleMachines[name]
  const team = ['plan', '--developers', '10', '--builds-per-day', '8']
  return [
    ['assess'],
    ['assess', '--role', role],
    ['diagnose', '--slow'],
    ['plan', '--budget', '100'],
    ...(name === 'office-server' ? [team] : []),
    ['direct-network', '--advise'],
  ].map((args) => [...args, '--machine', `${name}.json`])
}

/** Fifty starts of the program are quicker when it is not compiled each time. */
const env = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/node'),
}

/** The page of one machine: what every command of advice says about it, whole. */
export async function examplePage(name: MachineName): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-example-'))
  try {
    const machine: Machine = machines[name]
    await writeFile(join(directory, `${name}.json`), `${JSON.stringify({ machine }, null, 2)}\n`)
    const sections: string[] = []
    for (const args of commandsFor(name)) sections.push(await section(args, directory))
    const { title } = exampleMachines[name]
    const intro = `What narwhal says of this machine. The file \`${name}.json\` describes it as \`narwhal diagnose --json\` does; without \`--machine\` the commands look at the machine they run on.`
    return `${[`# ${title}`, intro, ...sections].join('\n\n')}\n`
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function section(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args, { cwd, env })
  if (code > 1) throw new Error(`narwhal ${args.join(' ')} exited with ${code}:\n${stderr}`)
  const exit = code === 0 ? '' : `\n\nIt exits with ${code}: the answer is no.`
  return `## \`narwhal ${args.join(' ')}\`\n\n\`\`\`text\n${dateless(stdout).trim()}\n\`\`\`${exit}`
}

/** Prices grow old by themselves; pages do not. */
function dateless(text: string): string {
  return text.replaceAll(/\b\d+ (days?|months?|years?)( ago| old)/g, 'some $1$2')
}

/** The list of all pages. */
export function indexPage(): string {
  const rows = Object.entries(exampleMachines).map(
    ([name, { title, role }]) => `| [${title}](${name}.md) | ${role} |`,
  )
  return [
    '# Ten machines',
    'What narwhal says of machines that people put a cache on: what each is enough for, what holds it back, what to set, what to buy. The pages are written by the commands themselves, and a test holds them: `UPDATE_EXAMPLES=1 npx vitest run test/docs/examples.test.ts`.',
    ['| machine | asked about as a |', '|---|---|', ...rows].join('\n'),
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n')
}
