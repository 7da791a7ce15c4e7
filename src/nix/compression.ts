/**
 * Every compression a narinfo may name, with the extension its files carry. Those Nix writes are
 * spelled as it spells them (libstore/binary-cache-store.cc: ".lzip", not ".lz"); for the rest,
 * which Nix reads but gives no extension, the customary one.
 */
const extensions = {
  none: '',
  br: '.br',
  bzip2: '.bz2',
  compress: '.Z',
  grzip: '.grz',
  gzip: '.gz',
  lrzip: '.lrz',
  lz4: '.lz4',
  lzip: '.lzip',
  lzma: '.lzma',
  lzop: '.lzo',
  xz: '.xz',
  zstd: '.zst',
} as const

export type Compression = keyof typeof extensions

const byExtension: ReadonlyMap<string, Compression> = new Map(
  Object.entries(extensions).map(([name, extension]) => [extension, name as Compression]),
)

export function isCompression(text: string): text is Compression {
  return Object.hasOwn(extensions, text)
}

/** What follows ".nar" in a file name: '' for none, else ".xz" and the like. */
export function compressionExtension(compression: Compression): string {
  return extensions[compression]
}

/** @param extension with its dot, or '' */
export function compressionOfExtension(extension: string): Compression | undefined {
  return byExtension.get(extension)
}
