import { setFlagsFromString } from 'node:v8'

/** How far the heap may grow beyond what lives before V8 collects all of it, in percent. */
const mayGrowPercent = 200

/**
 * Lets V8 collect the whole heap less often. It counts the buffers that pass through as if they
 * were part of it, and against a heap as small as this one that is a pause of up to 12 ms for every
 * 4 MB that are fetched.
 */
export function collectSeldom(): void {
  setFlagsFromString(`--heap-growing-percent=${mayGrowPercent}`)
}
