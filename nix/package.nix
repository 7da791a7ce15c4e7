# narwhal as a package: buildNpmPackage, with the dependencies that package-lock.json pins.
{
  lib,
  buildNpmPackage,
  importNpmLock,
  makeWrapper,
  nodejs ? nodejs_24,
  nodejs_24,
  systemd,
  stdenv,
}:
let
  source = ../.;
  manifest = lib.importJSON (source + "/package.json");
  lock = lib.importJSON (source + "/package-lock.json");

  # Of the development tools the build needs the compiler alone. The others stay out: browsers and
  # native tools for every platform would have to be fetched, and one of them downloads a Node.
  isBuildTool =
    name:
    builtins.elem name [
      "typescript"
      "@types/node"
      "undici-types"
    ]
    || lib.hasPrefix "@typescript/" name;
  onlyBuildTools = package: package // {
    devDependencies = lib.filterAttrs (name: _: isBuildTool name) package.devDependencies;
  };

  nameOf = path: lib.last (lib.splitString "node_modules/" path);
  fitsHere =
    module:
    builtins.elem stdenv.buildPlatform.node.arch (module.cpu or [ stdenv.buildPlatform.node.arch ])
    && builtins.elem stdenv.buildPlatform.node.platform (module.os or [ stdenv.buildPlatform.node.platform ]);
  isNeeded =
    path: module:
    path == "" || (fitsHere module && (!(module.dev or false) || isBuildTool (nameOf path)));

  # The lock file names versions and hashes, not addresses: npm's public registry has them there.
  withAddress =
    path: module:
    if path == "" || module ? resolved then
      module
    else
      module
      // {
        resolved = "https://registry.npmjs.org/${nameOf path}/-/${baseNameOf (nameOf path)}-${module.version}.tgz";
      };

  package = onlyBuildTools manifest;
  packageLock = lock // {
    packages = lib.mapAttrs withAddress (
      lib.filterAttrs isNeeded (lock.packages // { "" = onlyBuildTools lock.packages.""; })
    );
  };
in
buildNpmPackage {
  pname = manifest.name;
  inherit (manifest) version;
  inherit nodejs;

  src = lib.fileset.toSource {
    root = source;
    fileset = lib.fileset.unions [
      ../src
      ../config
      ../package.json
      ../package-lock.json
      ../tsconfig.json
      ../tsconfig.build.json
      ../README.md
      ../LICENSE
    ];
  };

  npmDeps = importNpmLock { inherit package packageLock; };
  npmConfigHook = importNpmLock.npmConfigHook;
  # None of what is left has anything to build, and no script of a dependency shall run.
  npmRebuildFlags = [ "--ignore-scripts" ];

  nativeBuildInputs = [ makeWrapper ];
  # Written anew with the heap setting of package.json, and with systemd-notify, which speaks to
  # systemd for Node.
  postInstall = ''
    rm -f "$out/bin/narwhal"
    makeWrapper ${lib.getExe nodejs} "$out/bin/narwhal" \
      --add-flags "--max-semi-space-size=4 $out/lib/node_modules/narwhal/dist/cli/main.js" \
      ${lib.optionalString stdenv.hostPlatform.isLinux "--suffix PATH : ${lib.makeBinPath [ systemd ]}"}
  '';

  doInstallCheck = true;
  installCheckPhase = ''
    "$out/bin/narwhal" check-config --config config/narwhal.toml
  '';

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = "narwhal";
    platforms = lib.platforms.unix;
  };
}
