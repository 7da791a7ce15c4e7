import { expect } from 'vitest'
import type { NixClient } from './nix-client.ts'
import type { ProgramRun } from './program-run.ts'
import type { RealClosure } from './real-closure.ts'

/** Fails with what the program wrote when it did not exit with 0. */
export function expectSuccess(run: ProgramRun): void {
  expect(run.code, run.stderr).toBe(0)
}

/** The client has every path of the closure, nothing else, and every byte of it is right. */
export async function expectClosure(client: NixClient, closure: RealClosure): Promise<void> {
  expect(await client.paths()).toEqual(closure.paths)
  await expectSound(client)
}

/** Whatever the client has, every byte of it is right. */
export async function expectSound(client: NixClient): Promise<void> {
  const { code, stderr } = await client.verify()
  expect(code, `oracle A: ${stderr}`).toBe(0)
}
