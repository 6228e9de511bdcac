import { z } from "zod";
import { parseDuration } from "./duration.js";
import { isEndpoint } from "./endpoint.js";

// The one list of keys that a peer's file may hold. Paths, environment names and messages are derived from it; Fabric's names
// where Fabric has the key (protocol page 12 §2 and §3, 13 §7.1), ours beside them.

/** A leaf that accepts a YAML value or the text of an environment variable. `expected` completes "expected KEY …". */
function leaf<T>(expected: string, read: (value: unknown) => T | undefined) {
  return z
    .unknown()
    .transform((value, context): T => {
      const result = read(value);
      if (result !== undefined) return result;
      context.addIssue({ code: "custom", message: expected });
      return z.NEVER;
    })
    .optional();
}

const text = (what: string) =>
  leaf(`to be ${what}`, (value) =>
    typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined,
  );

const file = () => text("the path of a file");

/** A duration, in whole milliseconds; a timer without a pause is never meant. */
const duration = (example: string) => durationFrom(1, example);

/** For those few times that may be nothing at all. */
const durationOrZero = (example: string) => durationFrom(0, example);

const durationFrom = (least: number, example: string) =>
  leaf(`to be a duration such as ${example}`, (value) => {
    const milliseconds = typeof value === "string" || value === 0 ? parseDuration(String(value)) : undefined;
    return milliseconds === undefined || milliseconds < least ? undefined : Math.round(milliseconds);
  });

const integer = (from: number, to = Number.MAX_SAFE_INTEGER) =>
  leaf(
    to === Number.MAX_SAFE_INTEGER ? `to be an integer of at least ${from}` : `to be an integer from ${from} to ${to}`,
    (value) => {
      const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
      return typeof number === "number" && Number.isSafeInteger(number) && number >= from && number <= to
        ? number
        : undefined;
    },
  );

const bool = () =>
  leaf("to be true or false", (value) => {
    const lower = typeof value === "string" ? value.toLowerCase() : value;
    return lower === true || lower === "true" ? true : lower === false || lower === "false" ? false : undefined;
  });

/** A YAML list, or one string split at white space (protocol page 12 §1). */
const list = (what: string, accepts: (item: string) => boolean = () => true) =>
  leaf(`to be a list of ${what}`, (value) => {
    const items = typeof value === "string" ? value.split(/\s+/).filter((item) => item !== "") : value;
    return Array.isArray(items) && items.every((item): item is string => typeof item === "string" && accepts(item))
      ? items
      : undefined;
  });

const endpoint = () =>
  leaf("to be host:port", (value) => (typeof value === "string" && isEndpoint(value) ? value : undefined));

const choice = <T extends string>(...options: readonly T[]) =>
  leaf(`to be ${options.join(" or ")}`, (value) => options.find((option) => option === value));

/** Objects in a list have required parts, which the reader checks; as everywhere, absence is not an error here. */
const listOf = <S extends z.ZodRawShape>(shape: S) =>
  z.array(z.object(shape, "to be a mapping"), "to be a list").optional();

const section = <S extends z.ZodRawShape>(shape: S) => z.object(shape, "to be a mapping").optional();

/** The file. Every key is optional to the schema; what must be there is the reader's knowledge. */
export const peerFileSchema = z.object(
  {
    peer: section({
      id: text("a name"),
      listenAddress: endpoint(),
      address: endpoint(),
      localMspId: text("an MSP identifier"),
      fileSystemPath: text("the path of a folder"),
      maxRecvMsgSize: integer(1024),
      trust: choice("ed25519"),
      identity: section({ file: file(), keyFile: file() }),
      organizations: listOf({
        id: text("an MSP identifier"),
        rootKey: leaf("to be an Ed25519 public key of 64 hex digits", (value) =>
          typeof value === "string" && /^[0-9a-f]{64}$/i.test(value) ? value : undefined,
        ),
        rootKeyFile: file(),
      }),
      tls: section({
        enabled: bool(),
        cert: section({ file: file() }),
        key: section({ file: file() }),
        clientCert: section({ file: file() }),
        clientKey: section({ file: file() }),
        rootcert: section({ file: file() }),
        clientRootCAs: section({ files: list("paths") }),
        clientAuthRequired: bool(),
      }),
      gossip: section({
        bootstrap: list("host:port", isEndpoint),
        endpoint: endpoint(),
        externalEndpoint: endpoint(),
        useLeaderElection: bool(),
        orgLeader: bool(),
        membershipTrackerInterval: duration("5s"),
        publishCertPeriod: durationOrZero("10s"),
        aliveTimeInterval: duration("5s"),
        aliveExpirationTimeout: duration("25s"),
        reconnectInterval: duration("25s"),
        maxConnectionAttempts: integer(1),
        msgExpirationFactor: integer(1),
        propagateIterations: integer(0),
        propagatePeerNum: integer(0),
        maxPropagationBurstSize: integer(1),
        maxPropagationBurstLatency: durationOrZero("10ms"),
        maxBlockCountToStore: integer(1),
        pullInterval: duration("4s"),
        pullPeerNum: integer(1),
        digestWaitTime: duration("1s"),
        requestWaitTime: duration("1500ms"),
        responseWaitTime: duration("2s"),
        requestStateInfoInterval: duration("4s"),
        publishStateInfoInterval: duration("4s"),
        dialTimeout: duration("3s"),
        connTimeout: duration("2s"),
        recvBuffSize: integer(1),
        recvBuffBytes: integer(1),
        sendBuffSize: integer(1),
        sendBuffBytes: integer(1),
        maxConnections: integer(1),
        maxPendingHandshakes: integer(1),
        state: section({
          enabled: bool(),
          checkInterval: duration("10s"),
          responseTimeout: duration("3s"),
          batchSize: integer(0),
          maxRetries: integer(0),
          blockBufferSize: integer(1),
          blockBufferBytes: integer(1),
          channelSize: integer(1),
        }),
      }),
      keepalive: section({ deliveryClient: section({ interval: duration("60s"), timeout: duration("20s") }) }),
      deliveryclient: section({
        blockGossipEnabled: bool(),
        connTimeout: duration("3s"),
        minimalReconnectInterval: duration("100ms"),
        reConnectBackoffThreshold: duration("30s"),
        addressOverrides: listOf({ from: endpoint(), to: endpoint() }),
      }),
    }),
    operations: section({
      listenAddress: endpoint(),
      tls: section({ enabled: bool() }),
    }),
    metrics: section({ provider: text("prometheus or disabled") }),
    channels: listOf({ genesisBlock: file() }),
    logging: section({ spec: text("a logging specification"), format: text("json or console") }),
  },
  "to be a mapping",
);

/** What the file holds, durations in milliseconds. */
export type PeerFile = z.output<typeof peerFileSchema>;

/** Keys of `value` spelled as the schema spells them, without empty ones; `unknown` collects the paths it does not know. */
export function alignKeys(schema: z.ZodType, value: unknown, unknown: string[], path = ""): unknown {
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
    if (known === undefined || Object.hasOwn(aligned, known)) unknown.push(keyPath);
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

/** Every key that an environment variable may override: the leaves outside lists, as paths. */
export function leafPaths(schema: z.ZodType = peerFileSchema, path: readonly string[] = []): (readonly string[])[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return [];
  if (!(inner instanceof z.ZodObject)) return [path];
  return Object.entries(inner.shape).flatMap(([key, child]) => leafPaths(child as z.ZodType, [...path, key]));
}

/** Whether `value` is a plain object with named entries. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unwrap(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
}
