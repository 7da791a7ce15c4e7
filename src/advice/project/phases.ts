import type { Machine } from '../machine.ts'
import type { Role } from '../roles.ts'
import { mainLink } from '../speeds.ts'
import { code, type Task } from './markdown.ts'

export interface Phase {
  readonly name: string
  /** how long it takes, in days; monitoring needs a week of figures before anything is changed */
  readonly days: number
  /** what must hold before the next begins */
  readonly done: string
  readonly tasks: readonly Task[]
}

/** The way from a machine to a cache in use, in order. */
export function phases(machine: Machine, role: Role): readonly Phase[] {
  return [assessment(machine), planning(role), network(machine), set(role), running, care]
}

function assessment({ system }: Machine): Phase {
  return {
    name: 'Assessment',
    days: 1,
    done: 'The verdict for the role is yes, or its conditions are accepted.',
    tasks: [
      { text: 'Hardware read (the profile below)', isDone: true },
      { text: `Measure disk, processor and link: ${code('narwhal diagnose --measure')}` },
      { text: `Hear what it is enough for: ${code('narwhal assess')}` },
      { text: 'Write the baseline into the metrics below, before anything is changed' },
      { text: 'Count the machines and people that will use it' },
      ...(system.nixVersion === undefined
        ? [{ text: 'Install Nix, or decide that this machine is a proxy only' }]
        : []),
    ],
  }
}

function planning(role: Role): Phase {
  const keeps = role !== 'proxy'
  return {
    name: 'Planning',
    days: 2,
    done: 'The first rows of the decision log are filled.',
    tasks: [
      { text: 'Decide the role: proxy, cache of own builds, builder' },
      { text: 'Decide where the data lies and how much it may take (cache.max_size)' },
      { text: 'Decide when garbage is collected: --delete-older-than 14d keeps the way back' },
      { text: `Write the configuration: ${code('narwhal generate-config --auto')}` },
      { text: 'Decide who is told when it fails (config/alert-rules.yml)' },
      ...(keeps ? [{ text: 'Decide where the copy of the signing key lies' }] : []),
    ],
  }
}

function network(machine: Machine): Phase {
  const isWifi = mainLink(machine)?.kind === 'wifi'
  return {
    name: 'Network',
    days: 1,
    done: 'Below 1 ms, above 900 Mbit/s, no loss; or the reason why not is written down.',
    tasks: [
      {
        text: `${isWifi ? 'It is on WiFi now. Choose cable or switch' : 'Choose cable, switch or what there is'}: ${code('narwhal direct-network --advise')}`,
      },
      { text: `Direct cable, server: ${code('narwhal direct-network --server')}` },
      { text: `Direct cable, client: ${code('narwhal direct-network --client')}` },
      { text: `Prove it: ${code('narwhal direct-network --validate')}` },
      { text: 'Open port 5000 towards your own network only' },
      { text: 'Give the server a fixed address or a name that all clients know' },
    ],
  }
}

function set(role: Role): Phase {
  const keeps = role !== 'proxy'
  return {
    name: 'Implementation',
    days: 2,
    done: 'Every client builds with a warm cache, and still builds with the server off.',
    tasks: [
      { text: 'Import the generated configuration and switch to it' },
      {
        text: `No mistakes in it: ${code('narwhal check-config --config /etc/narwhal/narwhal.toml')}`,
      },
      ...(keeps
        ? [
            { text: `Make the signing key: ${code('narwhal keygen cache.lan-1')}` },
            { text: 'Keep a copy of the secret key off this machine; mode 0600' },
            { text: 'Give the public key to every client' },
          ]
        : []),
      { text: 'Put it before cache.nixos.org in substituters of one client; keep cache.nixos.org' },
      {
        text: `See that this client is well: ${code('narwhal troubleshoot --auto --url http://cache.lan:5000')}`,
      },
      { text: 'Turn the server off and build: the client must go on by itself' },
      { text: 'Then the other clients' },
    ],
  }
}

const running: Phase = {
  name: 'Monitoring and optimisation',
  days: 14,
  done: 'A week of figures; each change measured, kept or reverted.',
  tasks: [
    { text: `Watch it under load: ${code('narwhal monitor')}` },
    {
      text: 'Let Prometheus read /metrics; import config/grafana-dashboard.json and alert-rules.yml',
    },
    { text: `Measure from a client: ${code('narwhal bench http://cache.lan:5000')}` },
    { text: 'One change at a time: baseline, change, measure, keep or revert' },
    { text: `Write each into the journal: ${code('narwhal experiment start NAME --change "…"')}` },
    { text: 'Garbage collection runs by itself, and the disk keeps its floor' },
  ],
}

const care: Phase = {
  name: 'Handover and care',
  days: 7,
  done: 'Somebody else has brought it back from a failure, with the runbook alone.',
  tasks: [
    { text: 'Write down addresses, keys, where the configuration lies' },
    { text: `Walk through the emergencies: ${code('narwhal troubleshoot recovery')}` },
    { text: 'Try it: stop the server, delete index.sqlite, start it again' },
    { text: `Check what is kept, once a quarter: ${code('narwhal verify')}` },
    { text: 'Fill in the lessons learned' },
    { text: 'Set the day of the next review' },
  ],
}
