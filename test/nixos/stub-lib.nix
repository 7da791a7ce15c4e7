# As much of nixpkgs' lib and pkgs as narwhal's module and generated configuration use, and a module
# system that merges as the real one does: priorities, mkIf pushed down, lists in order, one value
# only where two would contradict each other.
let
  inherit (builtins)
    all attrNames concatLists concatMap elem elemAt filter foldl' hasAttr head isAttrs isBool isInt
    isList isString length listToAttrs map mapAttrs match sort split stringLength substring toString
    trace typeOf;

  tagged = tag: value: isAttrs value && (value._type or "") == tag;

  types = rec {
    make = name: check: { inherit name check; };
    bool = make "bool" isBool;
    int = make "int" isInt;
    str = make "str" isString;
    package = make "package" (value: isAttrs value && value ? outPath);
    nullOr = type: make "nullOr ${type.name}" (value: value == null || type.check value);
    listOf = type: make "listOf ${type.name}" (value: isList value && all type.check value);
    strMatching = pattern: make "strMatching ${pattern}" (value: isString value && match pattern value != null);
    submodule = { freeformType }: freeformType;
  };

  lib = rec {
    inherit types;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption = what: mkOption { type = types.bool; default = false; description = what; };
    literalExpression = text: text;
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkForce = mkOverride 50;
    mkDefault = mkOverride 1000;
    mkOptionDefault = mkOverride 1500;
    mkOrder = order: content: { _type = "order"; inherit order content; };
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    getExe' = package: name: "${package}/bin/${name}";
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix = suffix: text:
      let start = stringLength text - stringLength suffix; in
      start >= 0 && substring start (stringLength text) text == suffix;
    genAttrs = names: make: listToAttrs (map (name: { inherit name; value = make name; }) names);
    last = list: elemAt list (length list - 1);
    splitString = separator: text: filter isString (split separator text);
    toInt = text: builtins.fromJSON text;
    unique = foldl' (seen: item: if elem item seen then seen else seen ++ [ item ]) [ ];
    importJSON = path: builtins.fromJSON (builtins.readFile path);
    filterAttrs = keep: set: listToAttrs (
      map (name: { inherit name; value = set.${name}; }) (filter (name: keep name set.${name}) (attrNames set))
    );
    inherit mapAttrs filter;
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    makeBinPath = packages: builtins.concatStringsSep ":" (map (package: "${package}/bin") packages);
    fileset = { toSource = { root, fileset }: root; unions = files: files; };
    licenses.mit = "mit";
    platforms.unix = [ ];
  };

  fakePackage = name: {
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
    meta.mainProgram = name;
  };

  pkgs = {
    coreutils = fakePackage "coreutils";
    btrfs-progs = fakePackage "btrfs-progs";
    stdenv.hostPlatform = { system = "x86_64-linux"; isLinux = true; };
    stdenv.buildPlatform.canExecute = _: true;
    callPackage = path: _: fakePackage "narwhal";
    nodejs_24 = fakePackage "node";
    nix = fakePackage "nix";
    nixfmt-tree = fakePackage "nixfmt";
    mkShell = shell: shell;
    testers.runNixOSTest = test: test;
    formats.toml = _: {
      type = types.make "toml" isAttrs;
      generate = name: value: fakePackage name;
    };
    runCommand = name: _: script: fakePackage name // { inherit script; };
  };

  # --- merging ---------------------------------------------------------------

  # What a definition comes to: values with priority, order and the conditions they stand under.
  # mkIf is pushed down to the leaves, or the names in a set would depend on what the set says.
  spread = definition:
    if tagged "if" definition.value then
      map (inner: inner // { conditions = inner.conditions ++ [ definition.value.condition ]; })
        (spread (definition // { value = definition.value.content; }))
    else if tagged "merge" definition.value then
      concatMap (value: spread (definition // { inherit value; })) definition.value.contents
    else if tagged "override" definition.value then
      spread (definition // { inherit (definition.value) priority; value = definition.value.content; })
    else if tagged "order" definition.value then
      spread (definition // { inherit (definition.value) order; value = definition.value.content; })
    else
      [ definition ];

  isTree = value: isAttrs value && !(value ? outPath) && !(value ? _type);
  absent = { _type = "absent"; };

  merge = path: definitions:
    let
      parts = concatMap spread definitions;
      trees = filter (part: isTree part.value) parts;
    in
    if parts != [ ] && length trees == length parts then
      let
        names = lib.unique (concatMap (part: attrNames part.value) parts);
        below = name: concatMap (part: if hasAttr name part.value then [ (part // { value = part.value.${name}; }) ] else [ ]) parts;
      in
      if names == [ ] then
        if builtins.any (part: all (holds: holds) part.conditions) parts then { } else absent
      else
        listToAttrs (map (name: { inherit name; value = merge (path ++ [ name ]) (below name); }) names)
    else
      mergeLeaf path (filter (part: all (holds: holds) part.conditions) parts);

  mergeLeaf = path: parts:
    let
      best = foldl' (least: part: if part.priority < least then part.priority else least) 9999 parts;
      chosen = filter (part: part.priority == best) parts;
      values = lib.unique (map (part: part.value) chosen);
    in
    if chosen == [ ] then absent
    else if all (part: isList part.value) chosen then
      concatLists (map (part: part.value) (sort (a: b: a.order < b.order) chosen))
    else if length values == 1 then head values
    else throw "${builtins.concatStringsSep "." path} is defined more than once";

  # Leaves that nobody defines in the end, and sets that hold nothing else, are not there.
  prune = value:
    if !isTree value || value == { } then value
    else
      let kept = lib.filterAttrs (_: inner: !(tagged "absent" inner)) (mapAttrs (_: prune) value); in
      if kept == { } then absent else kept;

  isOption = tagged "option";
  defaultsOf = options: mapAttrs (_: node:
    if isOption node then (if node ? default then lib.mkOptionDefault node.default else absent) else defaultsOf node
  ) options;

  checkTypes = path: options: config: concatLists (map (name:
    let node = options.${name}; here = path ++ [ name ]; value = config.${name}; in
    if !isOption node then checkTypes here node value
    else if node.type.check value then [ ]
    else [ "${builtins.concatStringsSep "." here} is no ${node.type.name}" ]
  ) (attrNames options));

  evalModules = modules:
    let
      args = { config = whole; inherit lib pkgs; };
      call = module: let m = if builtins.isPath module || isString module then import module else module; in
        if builtins.isFunction m then m args else m;
      bodies = map call modules;
      configOf = body: body.config or (removeAttrs body [ "options" "imports" ]);
      options = foldl' (all: body: all // (body.options or { })) { } bodies;
      definition = value: { inherit value; priority = 100; order = 1000; conditions = [ ]; };
      whole = merge [ ] (map definition ([ (defaultsOf options) ] ++ map configOf bodies));
    in
    rec {
      config = prune whole;
      mistakes =
        checkTypes [ ] options whole
        ++ map (a: a.message) (filter (a: !a.assertion) (config.assertions or [ ]));
    };
in
{
  inherit lib pkgs evalModules;
}
