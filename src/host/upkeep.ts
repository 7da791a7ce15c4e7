import { join } from 'node:path'
import type { Upkeep } from '../advice/upkeep.ts'
import { type HostRoots, hostRoots } from './host-roots.ts'
import { listSystemDirectory, readSystemFile } from './system-files.ts'

/** Where systemd keeps the units of an administrator, and what is started with what. */
const unitDirectories = ['etc/systemd/system', 'run/systemd/system']
const monitor =
  /^(prometheus|prometheus-node-exporter|node_exporter|netdata|telegraf|collectd|zabbix-agent2?|munin-node|monit|icinga2|telegraf|grafana-agent|alloy|vector)\.service$/

/** Reads which units are started by themselves, without asking systemd: it need not even run. */
export function readUpkeep({ root }: HostRoots = hostRoots): Upkeep {
  const directories = unitDirectories.map((directory) => join(root, directory))
  // As sd_booted(3) tells it. Links that another init does not read say nothing.
  if (!listSystemDirectory(root, 'run/systemd').includes('system')) return unknown
  const wanted = new Set(
    directories.flatMap((directory) =>
      listSystemDirectory(directory)
        .filter((name) => name.endsWith('.wants'))
        .flatMap((name) => listSystemDirectory(directory, name)),
    ),
  )
  const monitors = [...wanted].filter((unit) => monitor.test(unit)).sort()
  const unit = directories
    .map((directory) => readSystemFile(directory, 'narwhal.service'))
    .find((text) => text !== undefined)
  return {
    collectsGarbage: wanted.has('nix-gc.timer'),
    trims: wanted.has('fstrim.timer'),
    monitors: monitors.map((name) => name.replace(/\.service$/, '')),
    restartsNarwhal:
      unit === undefined ? undefined : /^Restart=(always|on-failure|on-abnormal)$/m.test(unit),
  }
}

const unknown: Upkeep = {
  collectsGarbage: undefined,
  trims: undefined,
  monitors: undefined,
  restartsNarwhal: undefined,
}
