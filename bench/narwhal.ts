import { type ProxyOptions, startProxy } from '../src/cli/demo/proxy.ts'
import { type BenchServer, onCore } from './server.ts'

/**
 * Starts `narwhal serve` on the server's core.
 *
 * @param profileDirectory where V8 leaves a CPU profile when the server stops
 */
export async function startNarwhal(
  options: Omit<ProxyOptions, 'launcher' | 'nodeFlags'>,
  profileDirectory?: string,
): Promise<BenchServer> {
  const proxy = await startProxy({
    ...options,
    launcher: onCore('server'),
    nodeFlags: profileDirectory ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`] : [],
  })
  return { ...proxy, name: 'narwhal' }
}
