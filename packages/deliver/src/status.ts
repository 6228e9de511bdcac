/** Names of `common.Status`. */
const names: ReadonlyMap<number, string> = new Map([
  [200, "SUCCESS"],
  [400, "BAD_REQUEST"],
  [403, "FORBIDDEN"],
  [404, "NOT_FOUND"],
  [413, "REQUEST_ENTITY_TOO_LARGE"],
  [500, "INTERNAL_SERVER_ERROR"],
  [501, "NOT_IMPLEMENTED"],
  [503, "SERVICE_UNAVAILABLE"],
]);

/** A status as a log line shows it, e.g. `403 FORBIDDEN`. */
export function statusText(status: number): string {
  const name = names.get(status);
  return name === undefined ? String(status) : `${status} ${name}`;
}
