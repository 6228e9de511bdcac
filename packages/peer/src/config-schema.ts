import { z } from "zod";
import { parseDuration } from "./duration.js";
import { isEndpoint } from "./endpoint.js";

// The one list of keys that a peer's file may hold, Fabric's or ours. Paths, environment names and messages are derived from
// it; Fabric's names where Fabric has the key (protocol page 12 §2 and §3, 13 §7.1), ours beside them.

/** What kind of value a leaf holds. */
export type LeafKind = "text" | "duration" | "integer" | "flag" | "list" | "endpoint" | "choice" | "objects";

/** What is known of a leaf besides how it is read. */
interface LeafInfo {
  readonly kind: LeafKind;
  /** In a file of Fabric's, 0 means the default: rule Z of protocol page 12 §1. */
  readonly zeroIsDefault?: boolean;
}

/** A key that an environment variable may override. */
export interface Leaf extends LeafInfo {
  readonly path: readonly string[];
  /** How the value is read; what stands inside of `objects` is spelled by it. */
  readonly schema: z.ZodType;
}

/** A key, or something inside of a section, that the schema does not know. */
export interface UnknownKey {
  readonly path: string;
  readonly value: unknown;
}

const leafInfo = new WeakMap<z.ZodType, LeafInfo>();

/** A leaf that accepts a YAML value or the text of an environment variable. `expected` completes "expected KEY …". */
function leaf<T>(kind: LeafKind, expected: string, read: (value: unknown) => T | undefined) {
  const schema = z
    .unknown()
    .transform((value, context): T => {
      const result = read(value);
      if (result !== undefined) return result;
      context.addIssue({ code: "custom", message: expected, params: { kind } });
      return z.NEVER;
    })
    .optional();
  leafInfo.set(schema, { kind });
  return schema;
}

/** Marks a leaf for which Fabric takes 0 for the default. */
function orDefault<S extends z.ZodType>(schema: S): S {
  leafInfo.set(schema, { ...(leafInfo.get(schema) ?? { kind: "text" }), zeroIsDefault: true });
  return schema;
}

const text = (what: string) =>
  leaf("text", `to be ${what}`, (value) =>
    typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined,
  );

const file = () => text("the path of a file");

/** A duration, in whole milliseconds; a timer without a pause is never meant. */
const duration = (example: string) => durationFrom(1, example);

/** For those few times that may be nothing at all. */
const durationOrZero = (example: string) => durationFrom(0, example);

const durationFrom = (least: number, example: string) =>
  leaf("duration", `to be a duration such as ${example}`, (value) => {
    const milliseconds = typeof value === "string" || value === 0 ? parseDuration(String(value)) : undefined;
    return milliseconds === undefined || milliseconds < least ? undefined : Math.round(milliseconds);
  });

const integer = (from: number, to = Number.MAX_SAFE_INTEGER) =>
  leaf(
    "integer",
    to === Number.MAX_SAFE_INTEGER ? `to be an integer of at least ${from}` : `to be an integer from ${from} to ${to}`,
    (value) => {
      const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
      return typeof number === "number" && Number.isSafeInteger(number) && number >= from && number <= to
        ? number
        : undefined;
    },
  );

const flag = () =>
  leaf("flag", "to be true or false", (value) => {
    const lower = typeof value === "string" ? value.toLowerCase() : value;
    return lower === true || lower === "true" ? true : lower === false || lower === "false" ? false : undefined;
  });

/** A YAML list, or one string split at white space (protocol page 12 §1). */
const list = (what: string, accepts: (item: string) => boolean = () => true) =>
  leaf("list", `to be a list of ${what}`, (value) => {
    const items = typeof value === "string" ? value.split(/\s+/).filter((item) => item !== "") : value;
    return Array.isArray(items) && items.every((item): item is string => typeof item === "string" && accepts(item))
      ? items
      : undefined;
  });

const endpoint = () =>
  leaf("endpoint", "to be host:port", (value) => (typeof value === "string" && isEndpoint(value) ? value : undefined));

const choice = <T extends string>(...options: readonly T[]) =>
  leaf("choice", `to be ${options.join(" or ")}`, (value) => options.find((option) => option === value));

/** Objects in a list have required parts, which the reader checks; as everywhere, absence is not an error here. */
const listOf = <S extends z.ZodRawShape>(shape: S) => {
  const schema = z.array(z.object(shape, "to be a mapping"), "to be a list").optional();
  leafInfo.set(schema, { kind: "objects" });
  return schema;
};

const section = <S extends z.ZodRawShape>(shape: S) => z.object(shape, "to be a mapping").optional();

const fileSection = () => section({ file: file() });

/** `peer.gossip`; what 0 means is rule Z or S of protocol page 12 §1, key by key. */
const gossipSection = () =>
  section({
    bootstrap: list("host:port", isEndpoint),
    endpoint: endpoint(),
    externalEndpoint: endpoint(),
    useLeaderElection: flag(),
    orgLeader: flag(),
    membershipTrackerInterval: orDefault(duration("5s")),
    publishCertPeriod: orDefault(durationOrZero("10s")),
    aliveTimeInterval: orDefault(duration("5s")),
    aliveExpirationTimeout: orDefault(duration("25s")),
    reconnectInterval: orDefault(duration("25s")),
    maxConnectionAttempts: orDefault(integer(1)),
    msgExpirationFactor: orDefault(integer(1)),
    propagateIterations: orDefault(integer(0)),
    propagatePeerNum: orDefault(integer(0)),
    maxPropagationBurstSize: orDefault(integer(1)),
    maxPropagationBurstLatency: orDefault(durationOrZero("10ms")),
    pullInterval: orDefault(duration("4s")),
    pullPeerNum: orDefault(integer(1)),
    maxBlockCountToStore: orDefault(integer(1)),
    digestWaitTime: orDefault(duration("1s")),
    requestWaitTime: orDefault(duration("1500ms")),
    responseWaitTime: orDefault(duration("2s")),
    requestStateInfoInterval: orDefault(duration("4s")),
    publishStateInfoInterval: orDefault(duration("4s")),
    dialTimeout: orDefault(duration("3s")),
    connTimeout: orDefault(duration("2s")),
    recvBuffSize: orDefault(integer(1)),
    recvBuffBytes: integer(1),
    sendBuffSize: orDefault(integer(1)),
    sendBuffBytes: integer(1),
    maxQueuedBytes: integer(1),
    maxConnections: integer(1),
    maxPendingHandshakes: integer(1),
    maxHandshakesPerSecond: integer(1),
    election: section({
      startupGracePeriod: orDefault(duration("15s")),
      membershipSampleInterval: orDefault(duration("1s")),
      leaderAliveThreshold: orDefault(duration("10s")),
      leaderElectionDuration: orDefault(duration("5s")),
      maxLagBlocks: orDefault(integer(1)),
      ordererTimeout: orDefault(duration("30s")),
    }),
    applicationMessages: section({ enabled: flag() }),
    sharedMap: section({ enabled: flag(), tombstoneTtl: duration("24h") }),
    pvtData: section({ transientstoreMaxBlockRetention: orDefault(integer(1)) }),
    state: section({
      enabled: flag(),
      checkInterval: duration("10s"),
      responseTimeout: duration("3s"),
      minResponseTimeout: duration("300ms"),
      maxRequests: integer(1),
      windowBlocks: integer(1),
      batchSize: integer(0),
      maxRetries: integer(0),
      blockBufferSize: integer(1),
      blockBufferBytes: integer(1),
      channelSize: integer(1),
    }),
  });

const tlsFiles = () => ({
  enabled: flag(),
  cert: fileSection(),
  key: fileSection(),
  clientRootCAs: section({ files: list("paths") }),
  clientAuthRequired: flag(),
});

const keepaliveTimes = () => ({ interval: duration("60s"), timeout: duration("20s") });

/** The file. Every key is optional to the schema; what must be there is the reader's knowledge. */
export const peerFileSchema = z.object(
  {
    peer: section({
      id: text("a name"),
      listenAddress: endpoint(),
      address: endpoint(),
      addressAutoDetect: flag(),
      localMspId: text("an MSP identifier"),
      localMspType: text("bccsp"),
      mspConfigPath: text("the path of an MSP folder"),
      BCCSP: section({
        Default: text("SW"),
        SW: section({ FileKeyStore: section({ KeyStore: text("the path of a folder") }) }),
      }),
      fileSystemPath: text("the path of a folder"),
      maxRecvMsgSize: orDefault(integer(1024, 2 ** 31 - 1)),
      maxSendMsgSize: orDefault(integer(1024, 2 ** 31 - 1)),
      trust: choice("fabric", "ed25519"),
      identity: section({ file: file(), keyFile: file() }),
      revocations: fileSection(),
      organizations: listOf({
        id: text("an MSP identifier"),
        rootKey: leaf("text", "to be an Ed25519 public key of 64 hex digits", (value) =>
          typeof value === "string" && /^[0-9a-f]{64}$/i.test(value) ? value : undefined,
        ),
        rootKeyFile: file(),
      }),
      tls: section({
        ...tlsFiles(),
        clientCert: fileSection(),
        clientKey: fileSection(),
        rootcert: fileSection(),
      }),
      gossip: gossipSection(),
      keepalive: section({
        ...keepaliveTimes(),
        client: section(keepaliveTimes()),
        deliveryClient: section(keepaliveTimes()),
      }),
      deliveryclient: section({
        blockGossipEnabled: flag(),
        connTimeout: orDefault(duration("3s")),
        minimalReconnectInterval: duration("100ms"),
        reConnectBackoffThreshold: orDefault(duration("30s")),
        reconnectTotalTimeThreshold: orDefault(duration("3600s")),
        addressOverrides: listOf({ from: endpoint(), to: endpoint(), caCertsFile: file() }),
      }),
    }),
    operations: section({ listenAddress: endpoint(), tls: section(tlsFiles()) }),
    metrics: section({ provider: text("prometheus or disabled") }),
    channels: listOf({ genesisBlock: file() }),
    logging: section({ spec: text("a logging specification"), format: text("json or console") }),
  },
  "to be a mapping",
);

/** What the file holds, durations in milliseconds. */
export type PeerFile = z.output<typeof peerFileSchema>;

/** Keys of `value` spelled as the schema spells them, without empty ones; `unknown` collects those it does not know. */
export function alignKeys(schema: z.ZodType, value: unknown, unknown: UnknownKey[], path = ""): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item, at) => alignKeys(inner.element as z.ZodType, item, unknown, `${path}[${at}]`));
  }
  if (!(inner instanceof z.ZodObject) || !isMapping(value)) return value;
  const spelled = new Map(Object.keys(inner.shape).map((key) => [key.toLowerCase(), key]));
  const aligned: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const known = spelled.get(key.toLowerCase());
    const keyPath = path === "" ? key : `${path}.${key}`;
    // A key that came before in another case has the word.
    if (known === undefined || Object.hasOwn(aligned, known)) unknown.push({ path: keyPath, value: item });
    // `endpoint:` without a value is null in YAML and means: not set.
    else if (item !== null)
      aligned[known] = alignKeys(
        inner.shape[known] as z.ZodType,
        item,
        unknown,
        path === "" ? known : `${path}.${known}`,
      );
  }
  return aligned;
}

/** Every key that an environment variable may override; a list of objects is one key. */
export function leaves(schema: z.ZodType = peerFileSchema, path: readonly string[] = []): readonly Leaf[] {
  const inner = unwrap(schema);
  const info = leafInfo.get(schema);
  if (info !== undefined) return [{ ...info, path, schema }];
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape).flatMap(([key, child]) => leaves(child as z.ZodType, [...path, key]));
}

/** Whether `value` is a plain object with named entries. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unwrap(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
}
