# One store path of every kind of content address, and what they are built from.
let
  recipe = name: command: extra: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-ec" command ];
  } // extra);

  floating = { __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256"; };
  fixed = outputHashMode: outputHashAlgo: outputHash: { inherit outputHashMode outputHashAlgo outputHash; };
  hello = builtins.hashString "sha256" "hello\n";
in
rec {
  plain = recipe "plain" "echo plain > $out" floating;
  itself = recipe "itself" "echo $out ${plain} > $out" floating;
  flat = recipe "flat" "echo hello > $out" (fixed "flat" "sha256" hello);
  sha1 = recipe "sha1" "echo hello > $out" (fixed "recursive" "sha1" "0deb52c2735eb38d360f976b7b3823c4ad05cce7");
  text = recipe "text" "echo ${builtins.toFile "outer" "${builtins.toFile "inner" ""}"} > $out" { };
}
