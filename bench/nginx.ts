import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type BenchServer, onCore } from './server.ts'

/**
 * Serves `root` with nginx as it does static files best: sendfile, no access log, one worker for
 * the one core it has.
 *
 * @param directory for its own files
 */
export async function startNginx(root: string, directory: string): Promise<BenchServer> {
  return runNginx(directory, (port) => configuration({ root, directory, port }), onCore('server'))
}

/** The same, on whatever core is free; `launcher` as runNginx takes it. */
export async function startNginxFiles(
  root: string,
  directory: string,
  launcher: readonly string[] = [],
): Promise<BenchServer> {
  return runNginx(directory, (port) => configuration({ root, directory, port }), launcher)
}

/**
 * Starts nginx on a free port and waits until it listens.
 *
 * @param directory for its own files
 * @param write gives the whole configuration for a port
 * @param launcher words before its command line
 */
export async function runNginx(
  directory: string,
  write: (port: number) => string,
  launcher: readonly string[] = [],
): Promise<BenchServer> {
  await mkdir(directory, { recursive: true })
  const port = await freePort()
  const config = join(directory, 'nginx.conf')
  await writeFile(config, write(port))
  const [program = 'nginx', ...words] = [
    ...launcher,
    ...['nginx', '-p', directory, '-c', config, '-e', 'stderr'],
  ]
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text).slice(-4096)
  })
  const ended = once(child, 'exit')
  await listening(port, ended)
  return {
    name: 'nginx',
    url: `http://127.0.0.1:${port}`,
    pid: child.pid as number,
    said: () => said,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** For example "1.22.1". */
export async function nginxVersion(): Promise<string> {
  const { stderr } = await promisify(execFile)('nginx', ['-v'])
  return /nginx\/(\S+)/.exec(stderr)?.[1] ?? 'unknown'
}

/** What every configuration needs to stay in its directory and in the foreground. */
export function preamble(directory: string, workers: number): { main: string; http: string } {
  const main = `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes ${workers};
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }`
  const http = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${directory}/${kind};`)
    .join('\n')
  return { main, http }
}

function configuration(at: { root: string; directory: string; port: number }): string {
  const { main, http } = preamble(at.directory, 1)
  return `${main}
http {
${http}
  access_log off;
  sendfile on;
  tcp_nopush on;
  # nginx ends a connection after 1000 requests by default, narwhal does not.
  keepalive_requests 1000000000;
  types { text/x-nix-narinfo narinfo; application/x-nix-nar nar; }
  server { listen 127.0.0.1:${at.port}; root ${at.root}; }
}
`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port: number, ended: Promise<unknown>): Promise<void> {
  let running = true
  void ended.then(() => {
    running = false
  })
  while (running) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await delay(20)
  }
  throw new Error('nginx ended at once; is it installed?')
}
