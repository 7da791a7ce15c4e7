import type { Sample } from '../../src/cli/monitor/sample.ts'
import { readStatus, type ShownStatus } from '../../src/cli/status/read-status.ts'

const GiB = 2 ** 30

/** A status of a server that has something of everything to show. */
export function busyStatus(changes: object = {}): ShownStatus {
  const status = readStatus({
    state: 'degraded',
    uptimeSeconds: 11_520,
    version: '0.1.0',
    startedAt: '2026-11-22T08:00:00.000Z',
    notes: [{ code: 'upstream-down', message: 'far.example fell silent' }],
    addresses: ['http://[::]:5000'],
    upstreams: [
      { name: 'cache.example', isUp: true, requests: 1200, failures: 3, receivedBytes: GiB },
      {
        ...{ name: 'far.example', isUp: false, requests: 5, failures: 5, receivedBytes: 0 },
        lastError: { code: 'X', message: 'it broke off', at: '2026-11-22T11:09:00.000Z' },
      },
    ],
    cache: { bytes: 31 * GiB, maxBytes: 50 * GiB, freeBytes: 12 * GiB, isStoring: true },
    memory: { narinfos: 900, bytes: GiB / 64, maxBytes: GiB / 16 },
    requests: {
      narinfo: { hit: 900, miss: 50, negative: 12, coalesced: 50 },
      nar: { hit: 40, miss: 10 },
    },
    sentBytes: { memory: 1000, disk: 4 * GiB, download: 0 },
    brokenResponses: 1,
    streams: 2,
    downloads: Array.from({ length: 12 }, (_, at) => ({
      file: `${String(at).padStart(52, '0')}.nar.xz`,
      receivedBytes: at * 1e6,
      ...(at !== 3 && { bytes: 20e6 }),
      readers: 1,
      isWaiting: at < 2,
    })),
    prefetch: {
      ahead: { nars: 6, narBytes: 9 * 2 ** 20 },
      nar: { fetched: 40, fetchedBytes: GiB, used: 38, usedBytes: GiB * 0.9 },
    },
    recompress: {
      ...{
        isOn: true,
        reason: 'on: 2 cores, 4.0 GiB',
        pausedBecause: 'clients wait for a download',
      },
      ...{ queued: 12, running: 0, done: 48, failed: 1, bytesBefore: 3 * GiB, bytesAfter: 2 * GiB },
    },
    ...changes,
  })
  if (status === undefined) throw new Error('this is no status')
  return status
}

/** A sample of that server and of a small machine that has everything too. */
export function busySample(changes: object = {}): Sample {
  const cpu = (workPercent: number) => ({ workPercent, stolenPercent: 1, waitingPercent: 2 })
  return {
    at: '2026-11-22T11:12:00.000Z',
    seconds: 1,
    server: {
      url: 'http://localhost:5000',
      status: busyStatus(changes),
      rates: {
        requestsPerSecond: 1204,
        byKind: { narinfo: 1117, nar: 87, 'cache-info': 0, other: 0 },
        byResult: {
          ...{ hit: 1180, miss: 12, negative: 0, stale: 0, coalesced: 0 },
          ...{ prefetched: 0, refused: 0, failed: 0, aborted: 0 },
        },
        hitPercent: 99,
        sentBytesPerSecond: 98e6,
        fetchedBytesPerSecond: 4e6,
      },
    },
    host: {
      name: 'attic',
      cpu: { all: cpu(45), cores: [cpu(70), cpu(20), cpu(95), cpu(0)] },
      loadAverage: 1.2,
      pressure: { cpuPercent: 3, memoryPercent: 0, diskPercent: 40 },
      memory: { totalBytes: 4 * GiB, availableBytes: GiB },
      swap: {
        totalBytes: 2 * GiB,
        usedBytes: GiB / 2,
        zram: { storedBytes: GiB / 2, takenBytes: GiB / 8 },
      },
      disks: [
        {
          ...{ name: 'sda', readBytesPerSecond: 1e6, writtenBytesPerSecond: 30e6 },
          ...{ busyPercent: 75, holdsData: true },
        },
        {
          ...{ name: 'sdb', readBytesPerSecond: 0, writtenBytesPerSecond: 0 },
          ...{ busyPercent: 0, holdsData: false },
        },
      ],
      interfaces: [
        {
          ...{ name: 'enp3s0', receivedBytesPerSecond: 4e6, sentBytesPerSecond: 98e6 },
          speedMbits: 1000,
        },
        { name: 'lo', receivedBytesPerSecond: 100, sentBytesPerSecond: 100 },
      ],
      connections: { established: 42, toServer: 12 },
      store: {
        ...{ totalBytes: 250 * GiB, freeBytes: 70 * GiB },
        paths: { count: 12_345, bytes: 40 * GiB },
      },
      builds: [{ name: 'hello-2.12', at: Date.parse('2026-11-22T11:10:00.000Z') }],
    },
  }
}
