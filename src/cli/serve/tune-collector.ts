import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 collect what is young, a millisecond's work, on the thread that waits for it. Shared among
 * threads it is no sooner done, and on a busy machine up to 40 ms later: until each of them was given
 * the processor once.
 */
export function tuneCollector(): void {
  setFlagsFromString('--no-parallel-scavenge')
}
