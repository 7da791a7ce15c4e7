import { programOutput } from './program-output.ts'

/**
 * What a wireless card has agreed on with its access point. Only nl80211 knows; iw(8) asks it, and
 * needs no rights to.
 *
 * @returns bits per second, the lower of both directions; undefined without iw or a connection
 */
export async function readWifiRate(name: string): Promise<number | undefined> {
  const text = await programOutput('iw', ['dev', name, 'link'], { timeoutMs: 1000 })
  return wifiRateOf(text ?? '')
}

/** @param text such as "tx bitrate: 300.0 MBit/s MCS 15 40MHz short GI" */
export function wifiRateOf(text: string): number | undefined {
  const rates = [...text.matchAll(/^\s*[rt]x bitrate: (\d+(?:\.\d+)?) MBit\/s/gm)]
  return rates.length === 0 ? undefined : Math.min(...rates.map(([, rate]) => Number(rate))) * 1e6
}
