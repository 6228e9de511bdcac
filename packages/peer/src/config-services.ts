import { resolveDeliverConfig } from "@gossip/deliver";
import type { DeliveryClientConfig, LoggingConfig, PeerConfig, PeerKeepalive } from "./config.js";
import { inOrder } from "./config-files.js";
import { type PeerSection, present, type Reading } from "./config-reading.js";
import { readServerTls } from "./config-tls.js";
import { splitEndpoint } from "./endpoint.js";
import { parseLogSpec } from "./log-spec.js";

type OverrideEntry = NonNullable<NonNullable<PeerSection["deliveryclient"]>["addressOverrides"]>[number];
type AddressOverride = NonNullable<DeliveryClientConfig["addressOverrides"]>[number];

/** Pings more often than once a minute make a stock peer hang up, and no two clocks are alike. */
const leastClientKeepaliveMs = 65_000;

/** The longest time that a timer can be set to, about 24 days. */
const longestTimerMs = 2 ** 31 - 1;

/** The default of Fabric's code; ours is shorter (page 09, weakness 10). */
const fabricBackoffThresholdMs = 3_600_000;

/** `peer.keepalive`, save for its part that is about orderers. */
export function readKeepalive(reading: Reading): PeerKeepalive | undefined {
  const { keepalive } = reading.peer;
  const { interval, timeout } = keepalive?.client ?? {};
  if (interval !== undefined && interval < 60_000) {
    const key = "peer.keepalive.client.interval";
    const text = reading.refusals.describe(key, "to be at least 60s, or stock peers hang up");
    reading.warnings.push(`${text}: ${leastClientKeepaliveMs / 1000}s is used`);
  }
  const found: PeerKeepalive = {
    ...present("clientIntervalMs", interval && Math.min(Math.max(interval, leastClientKeepaliveMs), longestTimerMs)),
    ...present("clientTimeoutMs", timeout && Math.min(timeout, longestTimerMs)),
    ...present("serverIntervalMs", keepalive?.interval && Math.min(keepalive.interval, longestTimerMs)),
    ...present("serverTimeoutMs", keepalive?.timeout && Math.min(keepalive.timeout, longestTimerMs)),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}

/** `peer.deliveryclient` and what `peer.keepalive` says of orderers. */
export async function readDeliveryClient(reading: Reading): Promise<DeliveryClientConfig> {
  const { isFabric, peer } = reading;
  const { deliveryclient = {}, keepalive } = peer;
  const overrides = await inOrder(deliveryclient.addressOverrides, (entry, at) => readOverride(reading, entry, at));
  const times = {
    connTimeoutMs: deliveryclient.connTimeout,
    minimalReconnectIntervalMs: deliveryclient.minimalReconnectInterval,
    reconnectBackoffThresholdMs:
      deliveryclient.reConnectBackoffThreshold ?? (isFabric ? fabricBackoffThresholdMs : undefined),
    keepaliveIntervalMs: keepalive?.deliveryClient?.interval,
    keepaliveTimeoutMs: keepalive?.deliveryClient?.timeout,
  };
  const { minimalReconnectIntervalMs: least, reconnectBackoffThresholdMs: most } = times;
  // Fabric cuts the first pause like any other.
  if (isFabric && least !== undefined && most !== undefined && least > most) times.minimalReconnectIntervalMs = most;
  const config = {
    ...bounded(times),
    ...present("maxMessageBytes", peer.maxRecvMsgSize),
  };
  reading.checked("peer.deliveryclient", () => resolveDeliverConfig(config));
  const found = overrides.filter((override) => override !== undefined);
  return found.length === 0 ? config : { ...config, addressOverrides: found };
}

async function readOverride(
  reading: Reading,
  { from, to, caCertsFile }: OverrideEntry,
  at: number,
): Promise<AddressOverride | undefined> {
  const key = `peer.deliveryclient.addressOverrides[${at}]`;
  try {
    return {
      from: reading.required(`${key}.from`, "to be host:port", from),
      to: reading.required(`${key}.to`, "to be host:port", to),
      ...(caCertsFile === undefined
        ? {}
        : { caCerts: [await reading.files.readCertificates(`${key}.caCertsFile`, caCertsFile)] }),
    };
  } catch (error) {
    if (!reading.isFabric || !(error instanceof Error)) throw error;
    // As the reference does: the orderer keeps the address that the channel gives it.
    reading.warnings.push(`${error.message}: this override is left out`);
    return undefined;
  }
}

/** Those that are given, none longer than a timer can be. */
function bounded<K extends string>(times: { readonly [P in K]: number | undefined }): { readonly [P in K]?: number } {
  const given = Object.entries<number | undefined>(times).filter(([, time]) => time !== undefined);
  return Object.fromEntries(given.map(([name, time]) => [name, Math.min(time ?? 0, longestTimerMs)])) as {
    readonly [P in K]?: number;
  };
}

/** `peer.gossip.pvtData`, as far as this version goes. */
export function readPrivateData({ peer }: Reading): PeerConfig["privateData"] {
  const retentionBlocks = peer.gossip?.pvtData?.transientstoreMaxBlockRetention;
  return retentionBlocks === undefined ? undefined : { retentionBlocks };
}

/** `metrics.provider`: what is not supported counts nothing, and is named. */
export function readMetricsProvider(reading: Reading): "prometheus" | "disabled" {
  const provider = reading.content.metrics?.provider;
  if (provider === "prometheus") return provider;
  if (provider !== undefined && provider !== "disabled") {
    const text = `metrics.provider ${provider} (nothing is counted: prometheus and disabled are supported)`;
    reading.withoutEffect.push(text);
  }
  return "disabled";
}

/** `operations`; without an address there is no service. */
export async function readOperations(reading: Reading): Promise<PeerConfig["operations"]> {
  const { content, peer, refusals } = reading;
  const { listenAddress, tls } = content.operations ?? {};
  if (listenAddress === undefined) return undefined;
  if (listenAddress === peer.listenAddress && splitEndpoint(listenAddress)?.port !== 0) {
    throw refusals.refuse("operations.listenAddress", "to be another address than peer.listenAddress");
  }
  return { listenAddress, ...present("tls", await readServerTls(reading, "operations.tls", tls)) };
}

/** `logging`, which Fabric knows as `FABRIC_LOGGING_SPEC` and `FABRIC_LOGGING_FORMAT` only. */
export function readLogging(reading: Reading): LoggingConfig {
  const { spec, format } = reading.content.logging ?? {};
  if (spec !== undefined) reading.checked("logging.spec", () => parseLogSpec(spec));
  return { ...present("spec", spec), ...present("format", logFormat(reading, format)) };
}

function logFormat(reading: Reading, format: string | undefined): LoggingConfig["format"] {
  if (format === undefined || format === "json" || format === "console") return format;
  // What Fabric understands must not keep a peer from starting: the format is a matter of taste.
  if (!reading.isFabric && format !== "logfmt" && !format.includes("%{")) {
    throw reading.refusals.refuse("logging.format", "to be json or console");
  }
  reading.withoutEffect.push(`logging.format ${format} (lines are written as for console)`);
  return "console";
}
