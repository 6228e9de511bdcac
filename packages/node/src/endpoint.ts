import { GossipError } from "@gossip/runtime";

/** @throws GossipError `invalid-argument` unless `endpoint` is `host:port` with a port that can be dialled. */
export function checkedEndpoint(what: string, endpoint: string): string {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(endpoint) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new GossipError(
      "invalid-argument",
      `expected ${what} to be host:port with a port from 1 to 65535, got ${JSON.stringify(endpoint)}`,
    );
  }
  return endpoint;
}

/** The host of `host:port`. */
export function hostOf(address: string): string {
  const colon = address.lastIndexOf(":");
  return colon < 0 ? address : address.slice(0, colon);
}
