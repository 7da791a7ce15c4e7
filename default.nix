# For those who use no flakes: nix-build gives the package; `module` goes into imports.
#
#   let narwhal = import /path/to/narwhal { inherit pkgs; }; in { imports = [ narwhal.module ]; }
{
  pkgs ? import <nixpkgs> { },
}:
let
  package = pkgs.callPackage ./nix/package.nix { };
in
package // { module = ./nix/module.nix; }
