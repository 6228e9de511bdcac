import type { AckOutcome, Comm, RemotePeer } from "@gossip/comm";
import type { OrgId, PkiId } from "@gossip/proto";
import { GossipError, type Random, sample } from "@gossip/runtime";
import type { Channel, ChannelMemberView, MemberView } from "./api.js";
import { type Applications, directMessage } from "./application.js";
import type { ApplicationContent, SendCriteria, SendOutcome } from "./service.js";

export interface SendingOptions {
  readonly random: Random;
  readonly applications: Applications;
  readonly channels: ReadonlyMap<string, Channel>;
  /** Alive members. */
  members(): readonly MemberView[];
  comm(): Comm;
  address(pkiId: PkiId): RemotePeer;
}

/** Sends to members that qualify, until enough have acknowledged (protocol page 07, 7.48). */
export async function sendByCriteria(
  options: SendingOptions,
  criteria: SendCriteria,
  content: ApplicationContent,
): Promise<SendOutcome> {
  const { random, applications, comm, address } = options;
  const { maxPeers, minAcks, timeoutMs } = criteria;
  if (maxPeers === 0) return { acknowledged: [], failed: [] };
  applications.check(content);
  checkCriteria(criteria, content);
  const qualified = candidates(options, criteria);
  if (qualified.length < minAcks) {
    throw new GossipError("unavailable", `expected at least ${minAcks} members that qualify, got ${qualified.length}`);
  }
  const peers = sample(random, qualified, maxPeers).map(({ pkiId }) => address(pkiId));
  const outcome = await new Promise<AckOutcome>((resolve) => {
    comm().sendWithAck(directMessage(content), peers, {
      minAcks,
      timeoutMs,
      feature: "application",
      onSettled: resolve,
    });
    // The reference waits for some, or for all, as chance has it (page 07 §16 item 19).
    if (minAcks === 0) resolve({ results: [], acknowledged: 0 });
  });
  return outcomeOf(outcome, minAcks);
}

function checkCriteria({ maxPeers, minAcks, timeoutMs, channel }: SendCriteria, content: ApplicationContent): void {
  const wrong = (text: string) => new GossipError("invalid-argument", text);
  for (const [name, value] of Object.entries({ maxPeers, minAcks })) {
    if (!Number.isInteger(value) || value < 0)
      throw wrong(`expected ${name} to be an integer of at least 0, got ${value}`);
  }
  if (minAcks > maxPeers) throw wrong(`expected minAcks of at most maxPeers ${maxPeers}, got ${minAcks}`);
  if (!(timeoutMs > 0 && Number.isFinite(timeoutMs))) throw wrong(`expected timeoutMs above 0, got ${timeoutMs}`);
  if (content.channel !== undefined && channel !== content.channel) {
    throw wrong(`expected criteria for channel ${content.channel}, of which the message is, got ${channel ?? "none"}`);
  }
}

/** Members that qualify and are known to understand it: an acknowledgement of others would never come. */
function candidates(
  { applications, channels, members }: SendingOptions,
  { channel: id, organization, isEligible = () => true }: SendCriteria,
): readonly (MemberView | ChannelMemberView)[] {
  const channel = id === undefined ? undefined : channels.get(id);
  if (id !== undefined && channel === undefined) {
    throw new GossipError("not-found", `expected a channel that is joined, got ${JSON.stringify(id)}`);
  }
  const all: readonly (MemberView | ChannelMemberView)[] = channel?.members ?? members();
  const isOf = (org: OrgId | undefined) => org !== undefined && (organization === undefined || org === organization);
  return all.filter((member) => isOf(member.org) && applications.isUnderstoodBy(member.pkiId) && isEligible(member));
}

function outcomeOf({ results, acknowledged }: AckOutcome, minAcks: number): SendOutcome {
  const failed = results.flatMap((one) =>
    one.ok ? [] : [{ pkiId: one.pkiId, reason: one.reason, detail: one.detail }],
  );
  if (acknowledged >= minAcks) return { acknowledged: results.flatMap((one) => (one.ok ? [one.pkiId] : [])), failed };
  const counts = new Map<string, number>();
  for (const { reason, detail } of failed) {
    const text = reason === "refused" ? `refused: ${detail}` : reason;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const told = [...counts].map(([text, count]) => `${count} × ${text}`).join(", ");
  const code = failed.some(({ reason }) => reason === "timed-out") ? "timeout" : "unavailable";
  throw new GossipError(code, `expected ${minAcks} acknowledgements, got ${acknowledged}: ${told}`);
}
