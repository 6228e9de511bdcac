import { isMapping, type UnknownKey } from "./config-schema.js";

// Fabric's keys that this peer does not act on. A file that holds them works all the same, and one warning names them, so
// that nobody believes in them (protocol page 12 §7 no. 3). Sections stand for all that is in them.

/** Why a key of Fabric's has no effect here; each completes "… (REASON)". */
export const keysWithoutEffect: readonly { readonly reason: string; readonly keys: readonly string[] }[] = [
  {
    reason: "of parts that this peer does not have",
    keys: [
      "chaincode",
      "ledger",
      "vm",
      "peer.networkId",
      "peer.chaincodeListenAddress",
      "peer.chaincodeAddress",
      "peer.gateway",
      "peer.authentication",
      "peer.client",
      "peer.profile",
      "peer.handlers",
      "peer.validatorPoolSize",
      "peer.discovery",
      "peer.limits",
    ],
  },
  {
    reason: "not in this version",
    keys: [
      "peer.connectiontimeout",
      "peer.keepalive.minInterval",
      "peer.BCCSP.SW.Hash",
      "peer.BCCSP.SW.Security",
      "peer.BCCSP.PKCS11",
      "peer.tls.serverhostoverride",
      "peer.gossip.nonBlockingCommitMode",
      "peer.gossip.pvtData.pullRetryThreshold",
      "peer.gossip.pvtData.pushAckTimeout",
      "peer.gossip.pvtData.btlPullMargin",
      "peer.gossip.pvtData.reconcileBatchSize",
      "peer.gossip.pvtData.reconcileSleepInterval",
      "peer.gossip.pvtData.reconciliationEnabled",
      "peer.gossip.pvtData.skipPullingInvalidTransactionsDuringCommit",
      "peer.gossip.pvtData.implicitCollectionDisseminationPolicy",
      "peer.deliveryclient.blockCensorshipTimeoutKey",
      "peer.deliveryclient.policy",
      "metrics.statsd",
    ],
  },
  {
    reason: "not used by Fabric either",
    keys: ["peer.gossip.stateInfoRetentionInterval", "peer.gossip.skipBlockVerification"],
  },
];

/**
 * What has no effect: in one line Fabric's keys by the reason, and in another, since it may be a slip of the operator's that
 * must not drown in the first, what nobody knows.
 *
 * @param unknown what the schema does not know, as the file or the environment (by variable) has it
 * @param said further parts, e.g. a value that is not supported
 */
export function describeWithoutEffect(unknown: readonly UnknownKey[], said: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const strange: string[] = [];
  for (const { path, value } of unknown) {
    const key = knownKeyOf(path);
    // Where nothing is said, nothing is lost.
    if (key !== undefined) isEmpty(value) || found.add(key);
    else strange.push(path);
  }
  const parts = keysWithoutEffect.flatMap(({ reason, keys }) => {
    const named = keys.filter((key) => found.has(key));
    return named.length === 0 ? [] : [`${reason}: ${named.join(", ")}`];
  });
  parts.push(...said);
  return [
    ...(parts.length === 0 ? [] : [`without effect: ${parts.join("; ")}`]),
    ...(strange.length === 0 ? [] : [`nobody knows ${strange.join(", ")}, without effect: misspelt?`]),
  ];
}

/** The key that `path`, a key or a variable, belongs to. */
function knownKeyOf(path: string): string | undefined {
  const lower = path.toLowerCase();
  for (const key of keysWithoutEffect.flatMap(({ keys }) => keys)) {
    const own = key.toLowerCase();
    const variable = `core_${own.replaceAll(".", "_")}`;
    if (lower === own || lower.startsWith(`${own}.`)) return key;
    if (lower === variable || lower.startsWith(`${variable}_`)) return key;
  }
  return undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return isMapping(value) && Object.values(value).every(isEmpty);
}
