import { join } from 'node:path'
import { preamble, runNginx } from '../nginx.ts'
import type { BenchServer } from '../server.ts'
import { ahead } from './favour.ts'

/**
 * Starts nginx as a caching proxy, as careful users write it for a binary cache: a lock against
 * double fetches, stale answers while the upstream is down, connections upstream kept open.
 *
 * @param directory its cache and its own files; empty = a cold proxy
 */
export function startNginxProxy(directory: string, upstreamUrl: string): Promise<BenchServer> {
  const write = (port: number) => configuration({ directory, upstreamUrl, port })
  return runNginx(directory, write, ahead('proxy'))
}

function configuration(at: { directory: string; upstreamUrl: string; port: number }): string {
  const { main, http } = preamble(at.directory, 2)
  return `${main}
http {
${http}
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000;
  proxy_cache_path ${join(at.directory, 'cache')} levels=1:2 keys_zone=nix:50m max_size=20g
    inactive=365d use_temp_path=off;
  proxy_cache nix; proxy_cache_valid 200 365d;
  proxy_cache_use_stale error timeout invalid_header updating http_500 http_502 http_503 http_504
    http_403 http_404 http_429;
  proxy_ignore_headers X-Accel-Expires Expires Cache-Control Set-Cookie;
  proxy_cache_lock on; proxy_cache_lock_age 30m; proxy_cache_lock_timeout 30m;
  upstream far { server ${new URL(at.upstreamUrl).host}; keepalive 32; }
  server { listen 127.0.0.1:${at.port};
    location / { proxy_pass http://far; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $proxy_host; } }
}
`
}
