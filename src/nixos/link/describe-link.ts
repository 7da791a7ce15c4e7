import type { LinkConfiguration } from './link-files.ts'

export type LinkText = readonly string[]

/** What stands above every file of a link. */
export function describeLink({ end, interface: name, address }: LinkConfiguration): LinkText {
  return [
    `The ${end}'s end of a direct cable on ${name}, ${address}; made by narwhal direct-network.`,
    'Only this interface is touched: the default route stays where it is.',
  ]
}
