/** A number that advice rests on. */
export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly source: string
}

const MB = 1e6
const GiB = 2 ** 30

const gentoo = 'Gentoo handbook, MAKEOPTS: 2 GB of memory per job'
const decimalDisk = 'data sheets of current models; `narwhal diagnose --measure` times this disk'
const ourBench =
  'measured with a 98.9 MB binary on one 2020s x86-64 core; `narwhal diagnose --measure`'

const homeNetworks =
  'what users see end to end; measure yours: ping, or narwhal direct-network --validate'

/** What the field knows, once: advice, generated configuration and docs/hardware.md all read it here. */
export const figures = {
  buildJobBytes: {
    what: 'memory of one compile job',
    value: 2 * GiB,
    unit: 'bytes',
    source: gentoo,
  },
  smallJobBytes: {
    what: 'memory of one compile job that is not one of the large ones',
    value: 1.5 * GiB,
    unit: 'bytes',
    source: gentoo.replace('2 GB', '1.5 to 2 GB'),
  },
  systemBytes: {
    what: 'memory left to kernel, services and page cache before builds get any',
    value: 1 * GiB,
    unit: 'bytes',
    source: 'a minimal NixOS server uses 300 to 600 MiB; the rest caches files',
  },
  proxyBytes: {
    what: 'memory of narwhal itself',
    value: 0.3 * GiB,
    unit: 'bytes',
    source: 'docs/performance.md: resident memory idle and under load',
  },
  evaluationBytes: {
    what: 'memory to evaluate a simple NixOS configuration',
    value: 2 * GiB,
    unit: 'bytes',
    source: 'NixOS/nix#5200',
  },
  hddBytesPerSecond: {
    what: 'hard disk, sequential',
    value: 160 * MB,
    unit: 'bytes/s',
    source: decimalDisk,
  },
  hddReadsPerSecond: {
    what: 'hard disk, random 4 KiB reads',
    value: 100,
    unit: '1/s',
    source: decimalDisk,
  },
  ssdBytesPerSecond: {
    what: 'SATA SSD, sequential',
    value: 550 * MB,
    unit: 'bytes/s',
    source: decimalDisk,
  },
  ssdReadsPerSecond: {
    what: 'SATA SSD, random 4 KiB reads',
    value: 90_000,
    unit: '1/s',
    source: decimalDisk,
  },
  nvmeBytesPerSecond: {
    what: 'NVMe SSD, sequential',
    value: 3500 * MB,
    unit: 'bytes/s',
    source: decimalDisk,
  },
  nvmeReadsPerSecond: {
    what: 'NVMe SSD, random 4 KiB reads',
    value: 400_000,
    unit: '1/s',
    source: decimalDisk,
  },
  emmcBytesPerSecond: {
    what: 'eMMC, sequential read',
    value: 150 * MB,
    unit: 'bytes/s',
    source: decimalDisk,
  },
  sdBytesPerSecond: {
    what: 'SD card in a Raspberry Pi 4, sequential read',
    value: 44 * MB,
    unit: 'bytes/s',
    source: decimalDisk,
  },
  usb2BytesPerSecond: {
    what: 'disk on USB 2',
    value: 35 * MB,
    unit: 'bytes/s',
    source: decimalDisk,
  },
  xzDecodeBytesPerSecond: {
    what: 'xz -6, unpacked bytes per core',
    value: 77 * MB,
    unit: 'bytes/s',
    source: ourBench,
  },
  xzEncodeBytesPerSecond: {
    what: 'xz -6, packed per core',
    value: 2.2 * MB,
    unit: 'bytes/s',
    source: ourBench,
  },
  zstdDecodeBytesPerSecond: {
    what: 'zstd -3, unpacked bytes per core',
    value: 830 * MB,
    unit: 'bytes/s',
    source: ourBench,
  },
  zstdEncodeBytesPerSecond: {
    what: 'zstd -3, packed per core',
    value: 230 * MB,
    unit: 'bytes/s',
    source: ourBench,
  },
  leanSystemBytes: {
    what: 'of systemBytes, what kernel and services hold; the rest is page cache and gives way',
    value: 0.6 * GiB,
    unit: 'bytes',
    source: 'a minimal NixOS server uses 300 to 600 MiB',
  },
  zramRatio: {
    what: 'bytes that zram keeps in one byte of memory',
    value: 2,
    unit: 'share',
    source: 'docs.kernel.org, zram: "we expect a 2:1 compression ratio"',
  },
  zramOverheadShare: {
    what: 'memory that an empty zram device takes, as a share of its size',
    value: 0.001,
    unit: 'share',
    source: 'docs.kernel.org, zram: "about 0.1% of the size of the disk when not in use"',
  },
  wifiShare: {
    what: 'what WiFi carries of the rate it names',
    value: 0.5,
    unit: 'share',
    source: 'one station sends at a time, and each frame is acknowledged; measure with iperf3',
  },
  xzPackedShare: {
    what: 'size of an xz NAR, as a share of what it unpacks to',
    value: 0.25,
    unit: 'share',
    source: 'closures on cache.nixos.org; docs/performance.md has one of 27 %',
  },
  zstdGrowth: {
    what: 'size of a NAR in zstd level 3, as a multiple of its size in xz',
    value: 1.4,
    unit: 'share',
    source: 'docs/operating.md, recompression: 40 MB of libraries',
  },
  recompressBytesPerSecond: {
    what: 'unpacking xz, checking and packing with zstd level 3, unpacked bytes per core',
    value: 30 * MB,
    unit: 'bytes/s',
    source: 'docs/decisions/0012-recompression.md',
  },
  emmcReadsPerSecond: {
    what: 'eMMC, random 4 KiB reads',
    value: 5000,
    unit: '1/s',
    source: decimalDisk,
  },
  sdReadsPerSecond: {
    what: 'SD card of class A1, random 4 KiB reads',
    value: 1500,
    unit: '1/s',
    source: 'SD Association, application performance class A1: 1500 reads a second at least',
  },
  wifiBitsPerSecond: {
    what: 'WiFi that does not name its rate: two streams of 802.11n at 20 MHz',
    value: 144e6,
    unit: 'bit/s',
    source: 'IEEE 802.11n, MCS 15 at 20 MHz with short guard interval',
  },
  firmwareMemoryShare: {
    what: 'memory that firmware and graphics keep of new modules of 8 GiB and more',
    value: 0.04,
    unit: 'share',
    source: 'MemTotal of machines with 8 to 64 GiB: 96 to 98 % of their modules',
  },
  narwhalXzBytesPerSecond: {
    what: "xz, unpacked by one core with narwhal's own decoder",
    value: 44 * MB,
    unit: 'bytes/s',
    source: 'docs/decisions/0002-decoders.md',
  },
  sha256BytesPerSecond: {
    what: 'SHA-256 by one core with instructions for it',
    value: 1800 * MB,
    unit: 'bytes/s',
    source: 'docs/predictions.md; `narwhal diagnose --measure`',
  },
  plainSha256BytesPerSecond: {
    what: 'SHA-256 by one core without instructions for it',
    value: 450 * MB,
    unit: 'bytes/s',
    source: 'OpenSSL with AVX2; `openssl speed -evp sha256`',
  },
  loopbackBytesPerSecond: {
    what: 'one connection over the loopback',
    value: 3000 * MB,
    unit: 'bytes/s',
    source: 'docs/predictions.md; `narwhal diagnose --measure`',
  },
  loopbackLatencyMs: {
    what: 'question and answer over the loopback, between two threads',
    value: 0.06,
    unit: 'ms',
    source: 'docs/predictions.md; `narwhal diagnose --measure`',
  },
  referenceMegahertz: {
    what: 'clock of the core that the figures per core were measured on, at most',
    value: 3500,
    unit: 'MHz',
    source: 'AMD EPYC of bench/RESULTS.md',
  },
  ethernetLatencyMs: {
    what: 'there and back over a switch at home or in an office',
    value: 1,
    unit: 'ms',
    source: 'what users see; `narwhal direct-network --validate` measures it',
  },
  wifiLatencyMs: {
    what: 'there and back over WiFi',
    value: 5,
    unit: 'ms',
    source: '2 to 10 ms; `narwhal direct-network --validate` measures it',
  },
  narinfoWorkBytes: {
    what: 'xz that a core unpacks with the work of answering one narinfo from memory',
    value: 650,
    unit: 'bytes',
    source: 'docs/predictions.md; bench/RESULTS.md has 12 µs of a core that unpacks 44 MB/s',
  },
  narinfoWireBytes: {
    what: 'question and answer of one narinfo on the wire',
    value: 1500,
    unit: 'bytes',
    source: 'narinfos of cache.nixos.org have 500 to 1500 bytes; 300 of headers',
  },
  narSendShare: {
    what: 'NAR from the page cache to one reader, as a share of what the loopback carries',
    value: 0.7,
    unit: 'share',
    source: 'docs/predictions.md: it is read into a buffer before it is sent',
  },
  repackShare: {
    what: 'what handing pieces from thread to thread leaves of unpacking, hashing and packing',
    value: 0.8,
    unit: 'share',
    source: 'docs/predictions.md: other threads hash, write and pass on meanwhile',
  },
  slowWriteShare: {
    what: 'sequential writing of an SD card or USB disk, as a share of its reading',
    value: 0.5,
    unit: 'share',
    source: 'SD cards in a Raspberry Pi 4: 44 MB/s read, 7 to 40 written',
  },
  gigabitPayloadShare: {
    what: 'payload of TCP on Ethernet at MTU 1500: 1460 − 12 of 1538 bytes',
    value: 0.9415,
    unit: 'share',
    source: 'IEEE 802.3 frame of 1538 bytes on the wire; RFC 9293 headers with timestamps',
  },
  wifiLatencyLowMs: {
    what: 'round trip over WiFi in a quiet house',
    value: 2,
    unit: 'ms',
    source: homeNetworks,
  },
  wifiLatencyHighMs: {
    what: 'round trip over WiFi among neighbours and other devices',
    value: 10,
    unit: 'ms',
    source: homeNetworks,
  },
  switchLatencyLowMs: {
    what: 'round trip through a home router or switch, as its users see it',
    value: 1,
    unit: 'ms',
    source: homeNetworks,
  },
  switchLatencyHighMs: {
    what: 'round trip through a home router or switch that others use too',
    value: 3,
    unit: 'ms',
    source: homeNetworks,
  },
  cableLatencyLowMs: {
    what: 'round trip over a direct gigabit cable, at best',
    value: 0.1,
    unit: 'ms',
    source: homeNetworks,
  },
  cableLatencyHighMs: {
    what: 'round trip over a direct gigabit cable, with power saving and interrupts gathered',
    value: 0.5,
    unit: 'ms',
    source: homeNetworks,
  },
  cableDollars: {
    what: 'a cable of 3 m with all four pairs',
    value: 5,
    unit: '$',
    source: 'config/prices.toml, with its date',
  },
  jumboPayloadShare: {
    what: 'payload of TCP on Ethernet at MTU 9000: 8960 − 12 of 9038 bytes',
    value: 0.99,
    unit: 'share',
    source: 'IEEE 802.3 frame with an MTU of 9000; RFC 9293 headers with timestamps',
  },
} as const satisfies Readonly<Record<string, Figure>>

export type FigureName = keyof typeof figures
