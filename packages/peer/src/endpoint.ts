const pattern = /^(\[[0-9a-f:.]+\]|[^\s:[\]/]+):(\d{1,5})$/i;

/** Host and port of `host:port`; the host a name, an IPv4 address or an IPv6 address in brackets. `undefined` when it is none. */
export function splitEndpoint(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, host = "", port = ""] = pattern.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Whether `text` is `host:port`. */
export function isEndpoint(text: string): boolean {
  return splitEndpoint(text) !== undefined;
}

/** `host:port`, an IPv6 address in brackets. */
export function joinEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether the host means every address of this machine: something to bind, nothing to dial. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}
