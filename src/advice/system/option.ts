import { MiB } from '../../units.ts'
import type { Setting } from '../setting.ts'
import type { Statement } from '../verdict.ts'

export const nixosManual = 'NixOS options'

/** One NixOS option; its key is the path with what is no identifier in quotes. */
export function option(
  path: readonly string[],
  value: Setting['value'],
  because: Statement,
): Setting & { readonly path: readonly string[] } {
  const key = path
    .map((part) => (/^[A-Za-z_][\w'-]*$/.test(part) ? part : JSON.stringify(part)))
    .join('.')
  return { key, path, value, because }
}

/** "640M", "2G": as systemd reads it, in binary units. */
export function systemdSize(bytes: number): string {
  const mebibytes = Math.floor(bytes / MiB)
  return mebibytes % 1024 === 0 && mebibytes > 0 ? `${mebibytes / 1024}G` : `${mebibytes}M`
}
