/**
 * Private data at the gate (protocol page 11 §4 and §8): who pushes a set is told whether it is kept, who asks is told what
 * there is. What is kept, and who may have which set, is the business of the channel's `PrivateDataHandler`.
 *
 * Both take time, and must hold up nothing else that the same peer says: they run beside its other messages, and only when
 * too much of one peer is under way does its connection wait. So an endorser that pushes in bursts loses nothing.
 */

import type { ConnectionInfo, Received } from "@gossip/comm";
import type { PkiId, PrivateDataElement, PrivateDataMessage, PrivateDataRequest } from "@gossip/proto";
import { errorText, GossipError, type MaybePromise, whenDone } from "@gossip/runtime";
import type { PrivateDataHandler, PrivateDataPeer } from "./api.js";
import { Backlog } from "./backlog.js";
import type { ChannelShell } from "./channel.js";
import type { Checks, GateOptions } from "./checks.js";
import { acknowledgement, privateDataResponse } from "./exit.js";

/** A reason for a refusal is for people; more would let a failure here fill the logs there. */
const maxErrorLength = 200;
/** What a digest and its framing add to the bytes of an element's sets, and more. */
const elementOverheadBytes = 256;

/** What the desk says of the message it answers. */
export type Respond = Received["respond"];

export class PrivateDataDesk {
  readonly #options: GateOptions;
  readonly #checks: Checks;
  readonly #backlog: Backlog<PkiId>;

  constructor(options: GateOptions, checks: Checks) {
    this.#options = options;
    this.#checks = checks;
    const { maxPrivateDataTasks, recvBufferBytes } = options.config;
    this.#backlog = new Backlog({ maxItems: maxPrivateDataTasks, maxBytes: recvBufferBytes });
  }

  onPush(channel: ChannelShell, message: PrivateDataMessage, from: ConnectionInfo, respond: Respond) {
    return this.#ifReader(channel, message.type, from, () => {
      const work = this.#store(channel, message, from, respond);
      return this.#backlog.add(
        from.pkiId,
        message.payload.rwset.length + message.payload.collectionConfigs.length,
        work,
      );
    });
  }

  onRequest(channel: ChannelShell, message: PrivateDataRequest, from: ConnectionInfo, respond: Respond) {
    return this.#ifReader(channel, message.type, from, () => {
      const work = this.#answer(channel, message, from, respond);
      return this.#backlog.add(from.pkiId, 0, work);
    });
  }

  /** What the handshake signed is the sender's ticket for the channel, for questions too: ours (page 11 §16 item 11). */
  #ifReader(
    channel: ChannelShell,
    what: string,
    from: ConnectionInfo,
    go: () => MaybePromise<void>,
  ): MaybePromise<void> {
    const { payload, signature } = from.handshake;
    const verdict = this.#options.crypto.verifyByChannel(channel.id, from.identity, signature, payload);
    return whenDone(verdict, (judged): MaybePromise<void> => {
      return judged.ok ? go() : void this.#checks.refuse(from, judged, what);
    });
  }

  /** Never rejects. */
  async #store(
    channel: ChannelShell,
    { nonce, payload }: PrivateDataMessage,
    from: ConnectionInfo,
    respond: Respond,
  ): Promise<void> {
    let error = "";
    try {
      if (channel.privateData === undefined) throw new GossipError("unavailable", "this peer keeps no private data");
      await channel.privateData.store(payload, this.#peer(from));
    } catch (failure) {
      // What is no error of ours may tell of this machine, which is nobody else's business.
      error = failure instanceof GossipError ? failure.message.slice(0, maxErrorLength) : "it could not be stored";
      this.#checks.drop(from, "not-stored", `private data of ${payload.namespace}: ${errorText(failure)}`);
    }
    respond(acknowledgement(nonce, error), "control");
  }

  /** Never rejects. Exactly one response, whatever there is (page 11 §8). */
  async #answer(
    channel: ChannelShell,
    { nonce, digests }: PrivateDataRequest,
    from: ConnectionInfo,
    respond: Respond,
  ): Promise<void> {
    const { maxPrivateDataDigests: max } = this.#options.config;
    if (digests.length > max) {
      this.#checks.drop(from, "too-many-parts", `expected at most ${max} digests`, digests.length - max);
    }
    const found = await this.#ask(channel.privateData, digests.slice(0, max), from);
    const elements = this.#cut(found, from);
    respond(privateDataResponse(channel.id, nonce, elements), "bulk");
  }

  async #ask(
    handler: PrivateDataHandler | undefined,
    digests: PrivateDataRequest["digests"],
    from: ConnectionInfo,
  ): Promise<readonly PrivateDataElement[]> {
    try {
      return (await handler?.answer(digests, this.#peer(from))) ?? [];
    } catch (failure) {
      this.#checks.drop(from, "not-answered", errorText(failure));
      return [];
    }
  }

  /** The elements that go into one message; whoever asked may ask for the rest again. */
  #cut(elements: readonly PrivateDataElement[], from: ConnectionInfo): readonly PrivateDataElement[] {
    const { maxPrivateDataBytes, maxMessageBytes } = this.#options.config;
    let left = Math.min(maxPrivateDataBytes, maxMessageBytes);
    const kept = elements.filter((element) => {
      const size = sizeOf(element);
      if (size > left) return false;
      left -= size;
      return true;
    });
    const cut = elements.length - kept.length;
    if (cut > 0) this.#checks.drop(from, "answer-too-large", `${cut} private data sets`, cut);
    return kept;
  }

  #peer({ pkiId, identity, handshake }: ConnectionInfo): PrivateDataPeer {
    const { payload, signature } = handshake;
    return { pkiId, org: this.#options.identities.orgOf(pkiId), identity, payload, signature };
  }
}

function sizeOf({ digest, payload }: PrivateDataElement): number {
  // Three bytes of UTF-8 for each unit of a string at most.
  const names = 3 * (digest.txId.length + digest.namespace.length + digest.collection.length);
  return payload.reduce((sum, set) => sum + set.length + elementOverheadBytes, names + elementOverheadBytes);
}
