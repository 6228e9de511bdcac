/** Longest endpoint accepted from the wire: a host name of 253 characters, a port, and some air. */
const maxEndpointLength = 300;

const bracketed = /^\[([0-9a-f:.%]+)\]:(\d{1,5})$/i;
const plain = /^([^\s[\]]+):(\d{1,5})$/;

/**
 * The one spelling of `host:port` by which endpoints are compared: host in lower case, IPv6 in brackets, no leading
 * zeros in the port. An IPv6 address without brackets is taken up to its last colon, as the reference joins it
 * (protocol page 04 §19.19). `undefined` when the text is no endpoint.
 */
export function canonicalEndpoint(text: string): string | undefined {
  if (text.length > maxEndpointLength) return undefined;
  const [, host, port] = bracketed.exec(text) ?? plain.exec(text) ?? [];
  if (host === undefined || port === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  const name = host.toLowerCase();
  return `${name.includes(":") ? `[${name}]` : name}:${Number(port)}`;
}

/** Whether a peer may claim this endpoint: empty, or short and of printable characters. It need not be reachable. */
export function isPlausibleEndpoint(text: string): boolean {
  return text.length <= maxEndpointLength && !/[\s\p{Cc}]/u.test(text);
}

/** Whether dialling a canonical endpoint would reach ourselves (page 04 §7.2): an own one, or our port on this host. */
export function leadsTo(
  endpoint: string,
  own: { readonly endpoint: string; readonly internalEndpoint: string },
): boolean {
  const internal = canonicalEndpoint(own.internalEndpoint);
  if (endpoint === internal || endpoint === canonicalEndpoint(own.endpoint)) return true;
  const port = internal?.slice(internal.lastIndexOf(":"));
  return ["127.0.0.1", "localhost", "[::1]"].some((host) => endpoint === host + port);
}
