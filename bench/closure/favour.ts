import { setPriority } from 'node:os'

/**
 * Lets a process go before the others: the world outside does not get slower because this machine
 * has much to do. Without the right to do so it stays as it is.
 */
export function favour(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, -10)
  } catch {
    // only root may
  }
}
