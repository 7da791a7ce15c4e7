/**
 * Visits `first`, and whatever the visits give back, until nothing is left. The order is first
 * come, first served.
 *
 * @param limit visits under way at once
 * @throws what the first failing visit throws; visits under way go on, nothing new is started
 */
export async function walk<Item>(
  first: Iterable<Item>,
  limit: number,
  visit: (item: Item) => Promise<Iterable<Item>>,
): Promise<void> {
  const waiting = [...first]
  const running = new Set<Promise<void>>()
  const start = (item: Item) => {
    const run = visit(item).then((found) => {
      waiting.push(...found)
      running.delete(run)
    })
    running.add(run)
  }
  while (waiting.length > 0 || running.size > 0) {
    for (const item of waiting.splice(0, limit - running.size)) start(item)
    await Promise.race(running)
  }
}
