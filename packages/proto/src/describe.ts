import { unreachable } from "@gossip/runtime";
import { parseBlockDigest } from "./block-digest.js";
import type { BlockPayload, Envelope, GossipMessage, PeerTime, PullMessage } from "./messages.js";

/**
 * One line for a log: type, channel, times and counts; never the bytes of payloads, signatures or blocks (page 01 §13).
 * Text from a remote is quoted and cut, so that it can neither forge a line nor fill the log.
 */
export function describeMessage(message: GossipMessage): string {
  const header = [
    message.type,
    `tag=${message.tag}`,
    ...(message.channel === "" ? [] : [`channel=${quoted(message.channel)}`]),
    ...(message.nonce === 0n ? [] : [`nonce=${message.nonce}`]),
  ];
  return [...header, ...describeContent(message)].join(" ");
}

function describeContent(message: GossipMessage): readonly string[] {
  switch (message.type) {
    case "alive":
      return [
        `pki=${message.member.pkiId}`,
        `endpoint=${quoted(message.member.endpoint)}`,
        time(message.time),
        `metadata=${size(message.member.metadata)}`,
        `identity=${size(message.identity)}`,
      ];
    case "membership-request":
      return [`self=${envelope(message.self)}`, `known=${message.known.length}`];
    case "membership-response":
      return [`alive=${message.alive.length}`, `dead=${message.dead.length}`];
    case "data":
      return [block(message.payload)];
    case "hello":
      return pull(message);
    case "digest":
    case "request":
      return [...pull(message), `digests=${digests(message.digests, message.pullType === "block")}`];
    case "update":
      return [...pull(message), `items=${message.data.length}`];
    case "empty":
      return [];
    case "conn":
      return [
        `pki=${message.pkiId}`,
        `identity=${size(message.identity)}`,
        `tlsCertHash=${hex(message.tlsCertHash)}`,
        `probe=${message.probe}`,
        ...(message.features.length === 0 ? [] : [`features=${hex(message.features)}`]),
      ];
    case "state-info": {
      const { ledgerHeight, leftChannel, chaincodes } = message.properties;
      return [
        `pki=${message.pkiId}`,
        time(message.time),
        `mac=${hex(message.channelMac)}`,
        `height=${ledgerHeight}`,
        `left=${leftChannel}`,
        `chaincodes=${chaincodes.length}`,
      ];
    }
    case "state-info-snapshot":
      return [`elements=${message.elements.length}`];
    case "state-info-pull-request":
      return [`mac=${hex(message.channelMac)}`];
    case "state-request":
      return [`blocks=${message.start}..${message.end}`];
    case "state-response":
      return [`blocks=${listed(message.payloads, ({ blockNumber }) => blockNumber.toString())}`];
    case "leadership":
      return [`pki=${message.pkiId}`, time(message.time), `act=${message.isDeclaration ? "declaration" : "proposal"}`];
    case "peer-identity":
      return [`pki=${message.pkiId}`, `identity=${size(message.identity)}`];
    case "ack":
      return message.error === "" ? ["ok"] : [`error=${quoted(message.error)}`];
    case "private-data-request":
      return [`digests=${message.digests.length}`];
    case "private-data-response":
      return [`elements=${message.elements.length}`];
    case "private-data": {
      const { txId, namespace, collection, rwset } = message.payload;
      return [`tx=${quoted(txId)}`, `collection=${quoted(`${namespace}/${collection}`)}`, `rwset=${size(rwset)}`];
    }
    case "shared-entry":
      return [
        `pki=${message.pkiId}`,
        `key=${quoted(message.key)}`,
        `counter=${message.counter}`,
        message.isDeleted ? "deleted" : `value=${size(message.value)}`,
      ];
    case "application":
      return [
        ...(message.pkiId === "" ? [] : [`pki=${message.pkiId}`, time(message.time)]),
        `topic=${quoted(message.topic)}`,
        `data=${size(message.data)}`,
      ];
    default:
      return unreachable(message);
  }
}

/** The most of a list, and the most characters of a text, that a line shows. */
const maxListed = 10;
const maxCharacters = 100;

function pull(message: PullMessage): readonly string[] {
  return [`pull=${message.pullType}`, `pullNonce=${message.pullNonce}`];
}

function block({ blockNumber, data, privateData }: BlockPayload): string {
  return `block=${blockNumber} (${size(data)}, ${privateData.length} private)`;
}

function time({ incarnation, sequence }: PeerTime): string {
  return `time=${incarnation}/${sequence}`;
}

function envelope({ payload, signature, secret }: Envelope): string {
  const signed = signature.length > 0 ? "signed" : "unsigned";
  return `(${size(payload)}, ${signed}${secret === undefined ? "" : ", with secret"})`;
}

function digests(all: readonly Uint8Array[], areBlocks: boolean): string {
  return listed(all, (digest) => (areBlocks ? (parseBlockDigest(digest)?.toString() ?? "?") : hex(digest)));
}

function listed<T>(items: readonly T[], show: (item: T) => string): string {
  const shown = items.slice(0, maxListed).map(show).join(",");
  return items.length > maxListed ? `[${shown},…${items.length} in all]` : `[${shown}]`;
}

function size(bytes: Uint8Array): string {
  return `${bytes.length}B`;
}

function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString("hex");
  return bytes.length > 64 ? `${shown}…` : shown;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text);
}
