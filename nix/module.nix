# services.narwhal: a caching proxy for Nix binary caches.
#
# Import this file, or nixosModules.default of the flake. Every option of narwhal.toml goes under
# `settings`; `narwhal generate-config` writes the ones that fit a machine.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.narwhal;
  toml = pkgs.formats.toml { };

  stateDir = "/var/lib/narwhal";
  isElsewhere = cfg.dataDir != stateDir;

  # Handed over by systemd: the user narwhal runs as cannot read the files themselves.
  secrets = lib.filterAttrs (_: file: file != null) {
    signing-key = cfg.signingKeyFile;
    tokens = cfg.tokensFile;
  };
  handed = name: "/run/credentials/narwhal.service/${name}";
  rawConfig = toml.generate "narwhal.toml" cfg.settings;

  # A mistake ends nixos-rebuild, not the running service. A foreign package cannot be run here.
  configFile =
    if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
      pkgs.runCommand "narwhal-checked.toml" { } ''
        ${lib.getExe cfg.package} check-config --config ${rawConfig} >&2
        cp ${rawConfig} "$out"
      ''
    else
      rawConfig;

  listen = cfg.settings.listen or [ "[::]:5000" ];
  portOf = address: lib.toInt (lib.last (lib.splitString ":" address));
  ports = lib.unique (map portOf listen);

  # Paths as text: a path literal would be copied to the store, where everybody can read it.
  isOutsideStore = path: path == null || (lib.hasPrefix "/" path && !lib.hasPrefix builtins.storeDir path);
in
{
  options.services.narwhal = {
    enable = lib.mkEnableOption "narwhal, a caching proxy for Nix binary caches";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The narwhal to run.";
    };

    settings = lib.mkOption {
      type = lib.types.submodule { freeformType = toml.type; };
      default = { };
      example = lib.literalExpression ''
        {
          cache.max_size = "80%";
          upstream = [ { url = "https://cache.nixos.org"; } ];
        }
      '';
      description = ''
        narwhal.toml as Nix: config/narwhal.toml in narwhal's source explains every option.
        `listen` says where the socket listens. No secrets here: the store is open to everybody.
      '';
    };

    signingKeyFile = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/etc/narwhal/cache.secret";
      description = ''
        Secret key that signs what is pushed without a signature, as `narwhal keygen` writes it:
        mode 0600, owned by root. systemd hands it to narwhal as a credential.
      '';
    };

    tokensFile = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/etc/narwhal/tokens.json";
      description = ''
        Who may push, as `narwhal token create NAME --tokens-file FILE` writes it. It is handed over
        at the start: after a change, `systemctl restart narwhal`; clients wait at the socket.
      '';
    };

    environmentFile = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/etc/narwhal/environment";
      description = "File of variables such as NARWHAL_LOG_LEVEL=debug, which beat `settings`.";
    };

    dataDir = lib.mkOption {
      # Nothing that systemd or tmpfiles.d would read as more than a name.
      type = lib.types.strMatching "/[A-Za-z0-9/._-]+";
      default = stateDir;
      example = "/srv/narwhal";
      description = ''
        Where everything is kept. Anywhere but in ${stateDir} it belongs to a user of its own,
        since a dynamic one keeps no files there.
      '';
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Let clients in: through `interface` alone where that is set.";
    };

    interface = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "enp2s0";
      description = "The network interface clients come over.";
    };

    memoryMax = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "384M";
      description = "MemoryMax of the service: what it may take before the kernel ends it.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions =
      map
        (option: {
          assertion = isOutsideStore cfg.${option};
          message = "services.narwhal.${option} has to be an absolute path outside the store, as text: everybody can read the store.";
        })
        [
          "signingKeyFile"
          "tokensFile"
          "environmentFile"
        ]
      ++ map (address: {
        assertion = builtins.match "(\\[[0-9a-fA-F:.]+]|[0-9.]+):[0-9]+" address != null;
        message = "services.narwhal.settings.listen: ${address} is no address with a port, and systemd, which listens, resolves no names.";
      }) listen;

    services.narwhal.settings = {
      signing = lib.mkIf (cfg.signingKeyFile != null) { key_file = handed "signing-key"; };
      auth = lib.mkIf (cfg.tokensFile != null) { tokens_file = handed "tokens"; };
    };

    environment.systemPackages = [ cfg.package ];

    # Holds the port while narwhal restarts: who connects meanwhile waits instead of being refused.
    systemd.sockets.narwhal = {
      description = "Port of the narwhal Nix binary cache proxy";
      wantedBy = [ "sockets.target" ];
      listenStreams = listen;
      socketConfig = {
        Backlog = 4096;
        NoDelay = true;
      };
    };

    systemd.services.narwhal = {
      description = "narwhal, a caching proxy for Nix binary caches";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [
        "network-online.target"
        "narwhal.socket"
      ];
      requires = [ "narwhal.socket" ];
      unitConfig = lib.optionalAttrs isElsewhere { RequiresMountsFor = [ cfg.dataDir ]; };

      serviceConfig = {
        ExecStart = "${lib.getExe cfg.package} serve --config ${configFile} --data-dir ${cfg.dataDir}";
        ExecReload = "${lib.getExe' pkgs.coreutils "kill"} -HUP $MAINPID";

        # "all": Node cannot speak to systemd by itself, systemd-notify does it for it.
        Type = "notify";
        NotifyAccess = "all";
        WatchdogSec = 60;

        Restart = "always";
        RestartSec = 1;
        # Only narwhal itself is told to stop. limits.drain is 90 s by default.
        KillMode = "mixed";
        TimeoutStopSec = 120;

        DynamicUser = true;
        User = "narwhal";
        Group = "narwhal";
        StateDirectory = "narwhal";
        UMask = "0027";
        LimitNOFILE = 65536;
        # glibc gives each thread memory of its own, and keeps what was large: none of it comes back.
        Environment = [
          "MALLOC_ARENA_MAX=2"
          "MALLOC_MMAP_THRESHOLD_=131072"
        ];

        # No MemoryDenyWriteExecute: V8 compiles JavaScript to machine code. No PrivateNetwork: it
        # serves one. No ProcSubset=pid: recompression looks at /proc/meminfo before it starts.
        CapabilityBoundingSet = "";
        LockPersonality = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RemoveIPC = true;
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallErrorNumber = "EPERM";
        SystemCallFilter = [ "@system-service" ];
      }
      // lib.optionalAttrs (secrets != { }) {
        LoadCredential = lib.mapAttrsToList (name: file: "${name}:${file}") secrets;
      }
      // lib.optionalAttrs (cfg.environmentFile != null) { EnvironmentFile = cfg.environmentFile; }
      // lib.optionalAttrs (cfg.memoryMax != null) { MemoryMax = cfg.memoryMax; }
      // lib.optionalAttrs isElsewhere { ReadWritePaths = [ cfg.dataDir ]; };
    };

    # With a user of that name, systemd takes it in place of a dynamic one; the sandbox stays.
    users.users = lib.mkIf isElsewhere {
      narwhal = {
        isSystemUser = true;
        group = "narwhal";
      };
    };
    users.groups = lib.mkIf isElsewhere { narwhal = { }; };
    systemd.tmpfiles.rules = lib.mkIf isElsewhere [ "d ${cfg.dataDir} 0750 narwhal narwhal -" ];

    networking.firewall =
      if cfg.interface == null then
        { allowedTCPPorts = lib.mkIf cfg.openFirewall ports; }
      else
        { interfaces.${cfg.interface}.allowedTCPPorts = lib.mkIf cfg.openFirewall ports; };
  };
}
