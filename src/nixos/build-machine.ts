import type { Assignment, Section } from './module-text.ts'
import { reference } from './nix-value.ts'
import type { WantedConfig } from './wanted-config.ts'

/** Belongs to root, mode 0600; never in the store. */
export const builderKeyFile = '/etc/nix/builder_ed25519'

/** What a whole machine can do that a small one cannot; kvm is left to those who know it is there. */
export const builderFeatures = ['big-parallel', 'benchmark', 'nixos-test'] as const

/** Options that send builds to another machine. */
export function buildMachineSection(config: WantedConfig): Section {
  return { title: 'Builds on another machine', assignments: assignmentsOf(config) }
}

function assignmentsOf({ buildMachine, platform }: WantedConfig): Assignment[] {
  if (buildMachine === undefined) return []
  const { host, user, maxJobs } = buildMachine
  const system = platform ?? reference('pkgs', 'stdenv', 'hostPlatform', 'system')
  return [
    {
      path: ['nix', 'distributedBuilds'],
      value: true,
      because: `Builds go to ${host}, which has the memory for them; this machine hands them out.`,
    },
    {
      path: ['nix', 'buildMachines'],
      value: [
        {
          hostName: host,
          protocol: 'ssh-ng',
          sshUser: user,
          sshKey: builderKeyFile,
          systems: [system],
          maxJobs: maxJobs ?? 1,
          speedFactor: 1,
          supportedFeatures: [...builderFeatures],
        },
      ],
      because: keyNotes({ host, user, maxJobs }),
    },
    {
      path: ['nix', 'settings', 'builders-use-substitutes'],
      value: true,
      because: `${host} fetches what it can by itself; else all inputs go through this machine's link, twice.`,
    },
  ]
}

function keyNotes({
  host,
  user,
  maxJobs,
}: {
  host: string
  user: string
  maxJobs: number | undefined
}): string {
  const jobs =
    maxJobs === undefined
      ? `maxJobs: how much ${host} can build at once is not known here. 1 is safe; take its own max-jobs ("narwhal generate-config" there, or --distributed-jobs N here).`
      : `maxJobs: as given with --distributed-jobs.`
  return [
    'Once, as root, on this machine; the key stays outside the store, mode 0600:',
    `  ssh-keygen -t ed25519 -N '' -f ${builderKeyFile}`,
    `  ssh -i ${builderKeyFile} ${user}@${host} true    # accept its host key`,
    `On ${host}: put ${builderKeyFile}.pub into users.users.${user}.openssh.authorizedKeys.keys, and "${user}" into nix.settings.trusted-users. Then try it here:`,
    `  nix store ping --store ssh-ng://${user}@${host}?ssh-key=${builderKeyFile}`,
    jobs,
    'speedFactor counts only beside a second build machine.',
  ].join('\n')
}
