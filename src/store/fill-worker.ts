import { parentPort, workerData } from 'node:worker_threads'
import { type FillOrder, sortScans, writeScan } from './fill-index.ts'

// The program of the threads that fill-thread.ts starts: one order, one answer.
const order = workerData as FillOrder
parentPort?.postMessage(order.kind === 'scan' ? writeScan(order.path, order) : sortScans(order))
