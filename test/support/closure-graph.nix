# 61 store paths, six layers deep: every node refers to two of the layer below and to itself;
# three carry about 1 MB that compresses to a third.
let
  width = 10;
  inherit (builtins) elemAt genList toString;

  recipe = ''
    mkdir -p $out/bin $out/share/empty
    printf '#!/bin/sh\necho %s\n' "$name" > $out/bin/hello
    chmod +x $out/bin/hello
    ln -s hello $out/bin/hallo
    ln -s $out/bin/hello $out/share/self
    : > $out/share/nothing
    for dependency in $dependencies; do echo $dependency; done > $out/share/dependencies
    if [ "$numbers" -gt 0 ]; then
      seq $((seed * 1000000)) $((seed * 1000000 + numbers)) > numbers
      shuf --random-source=numbers numbers > $out/share/data
    fi
  '';

  node = name: seed: numbers: dependencies: derivation {
    inherit name seed numbers dependencies;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-ec" "PATH=/bin; ${recipe}" ];
  };

  layer = depth: below: genList (column: node "node-${toString depth}-${toString column}"
    (depth * width + column)
    (if depth > 2 && column == 0 then 140000 else 0)
    (if below == [ ] then [ ] else [
      (elemAt below column)
      (elemAt below (if column + 1 == width then 0 else column + 1))
    ])) width;

  layers = builtins.foldl' (below: depth: layer depth below) [ ] [ 0 1 2 3 4 5 ];
in
{ app = node "app" 0 0 layers; }
