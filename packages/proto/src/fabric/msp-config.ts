import type { Decoded } from "../decoded.js";
import { msp } from "../generated/fabric.js";
import { checkedText, decoded, type Init, integer, missing, parseAs, plain, serialize } from "../wire.js";

/** `msp.MSPConfig`: which kind of MSP, and its configuration. */
export interface MspConfig {
  /** 0 is X.509; nothing else is read here. */
  readonly type: number;
  /** A serialized `FabricMSPConfig` when the type is 0. */
  readonly config: Uint8Array;
}

/**
 * `msp.FabricMSPConfig` without its signer: what an X.509 organization's identities are judged by (page 13 §1.4, §3).
 * Certificates and lists are PEM, each the content of a file.
 */
export interface FabricMspConfig {
  /** The MSP id. */
  readonly name: string;
  readonly rootCerts: readonly Uint8Array[];
  readonly intermediateCerts: readonly Uint8Array[];
  readonly admins: readonly Uint8Array[];
  readonly revocationList: readonly Uint8Array[];
  readonly organizationalUnitIdentifiers: readonly FabricOuIdentifier[];
  readonly cryptoConfig: FabricCryptoConfig | undefined;
  readonly tlsRootCerts: readonly Uint8Array[];
  readonly tlsIntermediateCerts: readonly Uint8Array[];
  readonly nodeOus: FabricNodeOus | undefined;
}

/** An organizational unit and, unless empty, the authority that must have issued who is in it. */
export interface FabricOuIdentifier {
  /** PEM. */
  readonly certificate: Uint8Array;
  readonly organizationalUnitIdentifier: string;
}

/** Empty strings mean Fabric's defaults, SHA2 and SHA256. */
export interface FabricCryptoConfig {
  readonly signatureHashFamily: string;
  readonly identityIdentifierHashFunction: string;
}

/** The organizational units that tell what an identity is to its organization; a role that is absent is not told apart. */
export interface FabricNodeOus {
  readonly enable: boolean;
  readonly client?: FabricOuIdentifier;
  readonly peer?: FabricOuIdentifier;
  readonly admin?: FabricOuIdentifier;
  readonly orderer?: FabricOuIdentifier;
}

/** Reads the configuration of an MSP of any kind. Never throws. */
export function readMspConfig(bytes: Uint8Array): Decoded<MspConfig> {
  return parseAs(msp.MSPConfig, bytes, ({ type, config }) => decoded({ type, config: plain(config) }));
}

/**
 * Serializes the configuration of an MSP of any kind.
 *
 * @throws GossipError `invalid-argument` when the type is not an int32.
 */
export function encodeMspConfig({ type, config }: MspConfig): Uint8Array {
  const number = integer(type, "type", -(2 ** 31), 2 ** 31 - 1);
  return serialize(msp.MSPConfig, { type: number, config }, config.length + 32);
}

/** Reads the configuration of an X.509 MSP; certificates are not looked into. Never throws. */
export function readFabricMspConfig(bytes: Uint8Array): Decoded<FabricMspConfig> {
  return parseAs(msp.FabricMSPConfig, bytes, (wire) => {
    if (wire.name === "") return missing("name");
    return decoded({
      name: wire.name,
      rootCerts: wire.rootCerts.map(plain),
      intermediateCerts: wire.intermediateCerts.map(plain),
      admins: wire.admins.map(plain),
      revocationList: wire.revocationList.map(plain),
      organizationalUnitIdentifiers: wire.organizationalUnitIdentifiers.map(ouFrom),
      cryptoConfig: wire.cryptoConfig === null ? undefined : cryptoConfigFrom(wire.cryptoConfig),
      tlsRootCerts: wire.tlsRootCerts.map(plain),
      tlsIntermediateCerts: wire.tlsIntermediateCerts.map(plain),
      nodeOus: wire.fabricNodeOus === null ? undefined : nodeOusFrom(wire.fabricNodeOus),
    });
  });
}

/**
 * Serializes the configuration of an X.509 MSP.
 *
 * @throws GossipError `invalid-argument` when a string has no UTF-8 form.
 */
export function encodeFabricMspConfig(config: FabricMspConfig): Uint8Array {
  const { nodeOus, cryptoConfig } = config;
  return serialize(
    msp.FabricMSPConfig,
    {
      name: checkedText(config.name, "name"),
      rootCerts: config.rootCerts,
      intermediateCerts: config.intermediateCerts,
      admins: config.admins,
      revocationList: config.revocationList,
      organizationalUnitIdentifiers: config.organizationalUnitIdentifiers.map(ouToWire),
      cryptoConfig: cryptoConfig && {
        signatureHashFamily: checkedText(cryptoConfig.signatureHashFamily, "signatureHashFamily"),
        identityIdentifierHashFunction: checkedText(
          cryptoConfig.identityIdentifierHashFunction,
          "identityIdentifierHashFunction",
        ),
      },
      tlsRootCerts: config.tlsRootCerts,
      tlsIntermediateCerts: config.tlsIntermediateCerts,
      fabricNodeOus: nodeOus && {
        enable: nodeOus.enable,
        clientOuIdentifier: nodeOus.client && ouToWire(nodeOus.client),
        peerOuIdentifier: nodeOus.peer && ouToWire(nodeOus.peer),
        adminOuIdentifier: nodeOus.admin && ouToWire(nodeOus.admin),
        ordererOuIdentifier: nodeOus.orderer && ouToWire(nodeOus.orderer),
      },
    },
    8192,
  );
}

function ouFrom(wire: msp.FabricOUIdentifier): FabricOuIdentifier {
  return {
    certificate: plain(wire.certificate),
    organizationalUnitIdentifier: wire.organizationalUnitIdentifier,
  };
}

function ouToWire(ou: FabricOuIdentifier): Init<msp.FabricOUIdentifier> {
  return {
    certificate: ou.certificate,
    organizationalUnitIdentifier: checkedText(ou.organizationalUnitIdentifier, "organizationalUnitIdentifier"),
  };
}

function cryptoConfigFrom(wire: msp.FabricCryptoConfig): FabricCryptoConfig {
  const { signatureHashFamily, identityIdentifierHashFunction } = wire;
  return { signatureHashFamily, identityIdentifierHashFunction };
}

function nodeOusFrom(wire: msp.FabricNodeOUs): FabricNodeOus {
  return {
    enable: wire.enable,
    ...(wire.clientOuIdentifier && { client: ouFrom(wire.clientOuIdentifier) }),
    ...(wire.peerOuIdentifier && { peer: ouFrom(wire.peerOuIdentifier) }),
    ...(wire.adminOuIdentifier && { admin: ouFrom(wire.adminOuIdentifier) }),
    ...(wire.ordererOuIdentifier && { orderer: ouFrom(wire.ordererOuIdentifier) }),
  };
}
