{
  description = "narwhal: a caching HTTP proxy for Nix binary caches";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forAllSystems = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      forLinux = make: lib.genAttrs (lib.filter (lib.hasSuffix "-linux") systems) (
        system: make nixpkgs.legacyPackages.${system}
      );
    in
    {
      packages = forAllSystems (pkgs: rec {
        narwhal = pkgs.callPackage ./nix/package.nix { };
        default = narwhal;
      });

      overlays.default = final: _: { narwhal = final.callPackage ./nix/package.nix { }; };

      nixosModules = rec {
        narwhal = ./nix/module.nix;
        default = narwhal;
      };

      # A machine that boots with the module and is asked for what every cache has to answer.
      checks = forLinux (pkgs: {
        package = self.packages.${pkgs.stdenv.hostPlatform.system}.narwhal;
        module = pkgs.testers.runNixOSTest {
          name = "narwhal";
          nodes.server = {
            imports = [ self.nixosModules.default ];
            services.narwhal = {
              enable = true;
              openFirewall = true;
              settings.cache.max_size = "1GiB";
            };
          };
          testScript = ''
            server.wait_for_unit("narwhal.service")
            server.succeed("curl -fsS http://localhost:5000/nix-cache-info | grep -q StoreDir")
            server.succeed("systemctl restart narwhal.service")
            server.succeed("curl -fsS http://localhost:5000/healthz")
          '';
        };
      });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.nodejs_24
            pkgs.nix
          ];
        };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);
    };
}
