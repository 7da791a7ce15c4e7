# The closure that a plan describes: a list of { name, references, files }, in dependency order.
# A path refers to another by naming it in a file, as real ones do.
{ plan }:
let
  inherit (builtins) concatStringsSep elem elemAt filter fromJSON genList length map readFile;

  recipe = ''
    mkdir -p $out/nix-support $out/share
    for reference in $others; do
      echo $reference >> $out/nix-support/propagated-build-inputs
    done
    if [ -n "$refersToItself" ]; then echo $out > $out/nix-support/prefix; fi
    number=0
    while read -r file; do
      number=$((number + 1))
      cp $file $out/share/$number-''${file##*/}
    done < $filesPath
  '';

  drawn = fromJSON (readFile plan);

  make = place: { name, references, files }: derivation {
    inherit name;
    others = map (elemAt paths) (filter (other: other != place) references);
    refersToItself = elem place references;
    files = concatStringsSep "" (map (file: file + "\n") files);
    passAsFile = [ "files" ];
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-ec" "PATH=/bin; ${recipe}" ];
  };

  paths = genList (place: make place (elemAt drawn place)) (length drawn);
in
elemAt paths (length drawn - 1)
