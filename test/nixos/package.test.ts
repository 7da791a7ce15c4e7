import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { testWith } from '../support/programs.ts'
import { evaluate, root } from './evaluate.ts'

const test = testWith(['nix-instantiate'])
const stub = `(import ${join(import.meta.dirname, 'stub-lib.nix')})`

interface LockedModule {
  readonly resolved?: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

interface Lock {
  readonly packages: Readonly<Record<string, LockedModule>>
}

interface Package {
  readonly pname: string
  readonly version: string
  readonly src: string
  readonly npmDeps: { readonly package: typeof manifest; readonly packageLock: Lock }
}

/** What package.nix hands to buildNpmPackage, on a kind of machine as Node calls it. */
async function packageOn(arch: string, platform: string): Promise<Package> {
  return (await evaluate(`let inherit ${stub} lib; in
    removeAttrs (import ${root}/nix/package.nix {
      inherit lib;
      buildNpmPackage = arguments: arguments // { src = "source"; };
      importNpmLock = { __functor = _: lock: lock; npmConfigHook = "hook"; };
      makeWrapper = "makeWrapper";
      nodejs_24 = { outPath = "/nix/store/node"; meta.mainProgram = "node"; };
      systemd = "/nix/store/systemd";
      stdenv = {
        buildPlatform.node = { arch = "${arch}"; platform = "${platform}"; };
        hostPlatform.isLinux = true;
      };
    }) [ "nodejs" ]`)) as Package
}

describe('the package', () => {
  test('has every dependency with an address and a hash, and of the tools only the compiler', async () => {
    const { pname, version, npmDeps } = await packageOn('x64', 'linux')
    expect({ pname, version }).toEqual({ pname: manifest.name, version: manifest.version })
    expect(Object.keys(npmDeps.package.devDependencies)).toEqual(['@types/node', 'typescript'])
    const { '': own, ...modules } = npmDeps.packageLock.packages
    expect(own).toMatchObject({ devDependencies: npmDeps.package.devDependencies })
    for (const [path, module] of Object.entries(modules)) {
      const name = path.split('node_modules/').at(-1) as string
      expect([path, module.resolved]).toEqual([
        path,
        expect.stringMatching(`^https://[\\w.]+/${name}/-/`),
      ])
      expect([path, module.integrity]).toEqual([path, expect.stringMatching(/^sha512-/)])
      expect([path, module.hasInstallScript ?? false]).toEqual([path, false])
    }
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
    for (const [path, { dev }] of Object.entries(lock.packages))
      if (path !== '' && !dev) expect(Object.keys(modules)).toContain(path)
  })

  test.for([
    ['x64', 'linux'],
    ['arm64', 'linux'],
    ['arm64', 'darwin'],
  ] as const)('it has the compiler of %s %s and no other', async ([arch, platform]) => {
    const { npmDeps } = await packageOn(arch, platform)
    const compilers = Object.keys(npmDeps.packageLock.packages).filter((path) =>
      path.includes('@typescript/'),
    )
    expect(compilers).toEqual([`node_modules/@typescript/typescript-${platform}-${arch}`])
  })
})

describe('ways in', () => {
  test('the flake has what flakes have', async () => {
    const names = await evaluate(`let
        inherit ${stub} lib pkgs;
        outputs = (import ${root}/flake.nix).outputs {
          self = outputs;
          nixpkgs = { inherit lib; legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ] (_: pkgs); };
        };
        perSystem = outputs: outputs.aarch64-linux;
      in {
        package = (perSystem outputs.packages).default;
        overlay = outputs.overlays.default pkgs pkgs;
        module = builtins.isFunction (import outputs.nixosModules.default);
        checks = builtins.attrNames (perSystem outputs.checks);
        tested = builtins.isString (perSystem outputs.checks).module.testScript;
        systems = builtins.attrNames outputs.checks;
        shell = builtins.length (perSystem outputs.devShells).default.packages;
        formatter = (perSystem outputs.formatter);
      }`)
    expect(names).toMatchObject({
      package: expect.stringContaining('-narwhal'),
      overlay: { narwhal: expect.stringContaining('-narwhal') },
      module: true,
      checks: ['module', 'package'],
      tested: true,
      systems: ['aarch64-linux', 'x86_64-linux'],
      shell: 2,
    })
  })

  test('without flakes there are the package and the module', async () => {
    const expression = `let narwhal = import ${root}/default.nix { inherit ${stub} pkgs; }; in
      { package = narwhal.outPath; module = builtins.isFunction (import narwhal.module); }`
    const found = await evaluate(expression)
    expect(found).toMatchObject({ package: expect.stringContaining('-narwhal'), module: true })
  })
})
