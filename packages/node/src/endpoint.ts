import { GossipError } from "@gossip/runtime";

/** Whether it is `host:port` with a port that can be dialled. */
export function isEndpoint(endpoint: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(endpoint) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

/** @throws GossipError `invalid-argument` unless `endpoint` is `host:port` with a port that can be dialled. */
export function checkedEndpoint(what: string, endpoint: string): string {
  if (!isEndpoint(endpoint)) {
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
