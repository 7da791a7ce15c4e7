import { expect, test } from 'vitest'
import { openLane } from '../../../bench/closure/lane.ts'

// 1000 bytes a second: a byte a millisecond
const open = () => openLane(1000)

test('bytes take as long as the bandwidth says', () => {
  expect(open().send(30, 100)).toBe(130)
})

test('bytes of two senders go one after the other', () => {
  const lane = open()
  lane.send(30, 100)
  expect(lane.send(10, 110)).toBe(140)
  expect(lane.busyMs(110)).toBe(30)
  expect(lane.busyMs(150)).toBe(0)
})

test('an idle lane saves nothing up', () => {
  const lane = open()
  lane.send(10, 100)
  expect(lane.send(10, 500)).toBe(510)
})

test('a sender that was kept waiting and woken too late loses no bandwidth', () => {
  const lane = open()
  lane.send(10, 100)
  lane.wake(130)
  expect(lane.send(40, 130)).toBe(150)
})

test('once the lane has caught up, time that passes unused is lost again', () => {
  const lane = open()
  lane.send(10, 100)
  lane.wake(130)
  lane.send(40, 130)
  expect(lane.send(10, 170)).toBe(180)
})

test('it makes up for 50 ms at most', () => {
  const lane = open()
  lane.send(10, 100)
  lane.wake(500)
  expect(lane.send(10, 500)).toBe(460)
  expect(lane.send(10, 560)).toBe(570)
})
