import { markVerified, type Verified } from "@gossip/crypto";
import { type AliveMessage, decodeMessage, type Envelope, orgId, type PkiId } from "@gossip/proto";
import { fraction, type Millis, type Run, run, sample, seededRandom } from "@gossip/runtime";
import { VirtualClock, VirtualProcess } from "@gossip/runtime/testing";
import type { DiscoveryConfig } from "../config.js";
import { type Disclosure, organizationDisclosure } from "../disclosure.js";
import { Discovery } from "../discovery.js";
import type { ContactRole, DiscoveryInput, DiscoveryMember, DiscoveryOutput } from "../io.js";
import { nameOf, pkiIdOf, verifiedAlive, withoutSecret } from "./alive-messages.js";

/** What holds for all nodes of a test network; the same seed gives the same history. */
export interface DiscoveryNetworkOptions {
  readonly seed?: number;
  readonly config?: Partial<DiscoveryConfig>;
  /** Peers that an alive message is pushed to; 0 leaves dissemination to requests and responses. Default 3. */
  readonly fanOut?: number;
  /** Time of every message, and of every failing dial. Default 5. */
  readonly delayMs?: Millis;
  /** In place of the rule of organizations. */
  readonly disclosure?: (self: string) => Disclosure;
  /** Whether `traffic` and `outputs` are kept, which a long run has no room for. Default true. */
  readonly isRecorded?: boolean;
  /** Told of every output of every machine. */
  readonly onOutput?: (node: string, output: DiscoveryOutput) => void;
}

/** What one node of the test network is started with. */
export interface StartOptions {
  /** `Org1MSP` by default. */
  readonly org?: string;
  /** Names of nodes, or endpoints, to contact. */
  readonly bootstrap?: readonly string[];
  readonly anchors?: readonly { readonly name: string; readonly role: ContactRole }[];
  /** Whether it has an external endpoint, `NAME.external:7051`. Default true. */
  readonly isExternal?: boolean;
  readonly metadata?: Uint8Array;
}

/** Something that passed between two nodes. */
export interface Traffic {
  readonly at: Millis;
  readonly from: string;
  readonly to: string;
  readonly kind: "alive" | "request" | "response" | "identify" | "ping";
  /** What others could see of it; absent for `identify` and `ping`. */
  readonly input?: DiscoveryInput;
}

interface Node {
  readonly name: string;
  readonly org: string;
  readonly discovery: Discovery;
  readonly run: Run<DiscoveryInput>;
  readonly process: VirtualProcess;
}

/**
 * Discovery machines in virtual time, with what a node does around them reduced to the least: alive messages go to some
 * members that may see them, secrets stay in the organization, the gate asks `wants`, a dial that fails is a presumed death.
 * Nothing is signed. For tests of discovery itself; `@gossip/sim` runs whole nodes.
 */
export class DiscoveryNetwork {
  readonly clock = new VirtualClock();
  readonly traffic: Traffic[] = [];
  /** Every output of every machine, in order. */
  readonly outputs: { readonly at: Millis; readonly node: string; readonly output: DiscoveryOutput }[] = [];
  readonly #options: DiscoveryNetworkOptions;
  readonly #random;
  readonly #nodes = new Map<string, Node>();
  readonly #orgs = new Map<PkiId, string>();
  readonly #cuts = new Set<string>();
  #loss = 0;
  #incarnation = 1n;

  constructor(options: DiscoveryNetworkOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** Starts a node, or starts it again with a higher incarnation. */
  start(name: string, options: StartOptions = {}): Discovery {
    const { org = "Org1MSP", bootstrap = [], anchors = [], isExternal = true, metadata } = options;
    const self = pkiIdOf(name);
    this.#orgs.set(self, org);
    const orgOf = (pkiId: PkiId) => {
      const known = this.#orgs.get(pkiId);
      return known === undefined ? undefined : orgId(known);
    };
    const discovery = new Discovery({
      self: {
        pkiId: self,
        endpoint: isExternal ? externalOf(name) : "",
        internalEndpoint: internalOf(name),
        ...(metadata && { metadata }),
      },
      incarnation: this.#incarnation++,
      random: seededRandom(this.#random.uint64()),
      disclosure: this.#options.disclosure?.(name) ?? organizationDisclosure({ self, selfOrg: orgId(org), orgOf }),
      ...(this.#options.config && { config: this.#options.config }),
    });
    const process = new VirtualProcess(this.clock);
    const running = run<DiscoveryInput, DiscoveryOutput>(discovery, {
      clock: process.clock,
      perform: (output) => {
        if (this.#options.isRecorded !== false) this.outputs.push({ at: this.clock.now(), node: name, output });
        this.#options.onOutput?.(name, output);
        this.#perform(node, output);
      },
    });
    const node: Node = { name, org, discovery, run: running, process };
    this.#nodes.set(name, node);
    for (const peer of bootstrap) this.#push(node, { type: "connect", endpoint: endpointOf(peer), role: "bootstrap" });
    for (const { name: peer, role } of anchors) {
      const endpoint = role === "own-anchor" ? internalOf(peer) : externalOf(peer);
      this.#push(node, { type: "connect", endpoint, role });
    }
    return discovery;
  }

  /** Kills a node: it sends nothing any more, and dials to it fail. */
  stop(name: string): void {
    this.#nodes.get(name)?.run.close();
    this.#nodes.get(name)?.process.end();
    this.#nodes.delete(name);
  }

  /** Cuts the network between `names` and all others. */
  partition(names: readonly string[]): void {
    for (const name of names) this.#cuts.add(name);
  }

  heal(): void {
    this.#cuts.clear();
    this.#loss = 0;
  }

  /** Loses so much of what is pushed from now on, between 0 and 1. */
  lose(share: number): void {
    this.#loss = share;
  }

  /** Stops the process of a node for so long: dials to it fail, and when it goes on, its overdue timers come first. */
  stall(name: string, durationMs: Millis): void {
    const process = this.#nodes.get(name)?.process;
    if (process === undefined || process.isStopped) return;
    process.stop();
    this.clock.schedule(this.clock.now() + durationMs, () => process.resume());
  }

  /** Hands one input to a node, as its shell would. */
  give(name: string, input: DiscoveryInput): void {
    const node = this.#nodes.get(name);
    if (node !== undefined) this.#push(node, input);
  }

  runFor(durationMs: Millis): void {
    this.clock.runFor(durationMs);
  }

  discovery(name: string): Discovery {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`expected a running node, got ${name}`);
    return node.discovery;
  }

  /** Names of those a node sees alive, sorted. */
  membersOf(name: string): readonly string[] {
    return names(this.discovery(name).members);
  }

  /** Names of those a node holds dead, sorted. */
  deadOf(name: string): readonly string[] {
    return names(this.discovery(name).deadMembers);
  }

  /** Whether every running node sees exactly all others alive. */
  get isConverged(): boolean {
    const running = [...this.#nodes.keys()].sort();
    return running.every((name) => this.membersOf(name).join() === running.filter((other) => other !== name).join());
  }

  /** Runs until `isConverged`, at most for `limitMs`; how long it took, `Infinity` when it did not. */
  converge(limitMs: Millis): Millis {
    const start = this.clock.now();
    while (!this.isConverged && this.clock.now() - start < limitMs) this.clock.runFor(10);
    return this.isConverged ? this.clock.now() - start : Number.POSITIVE_INFINITY;
  }

  #perform(node: Node, output: DiscoveryOutput): void {
    switch (output.type) {
      case "send-alive":
        return this.#emit(node, verifiedAlive(output.self));
      case "forward-alive":
        return this.#emit(node, output.alive, output.except);
      case "request-membership": {
        const full = verifiedAlive(output.self);
        for (const { pkiId, includeSecret } of output.to) {
          const self = includeSecret ? full : withoutSecret(full);
          const from = pkiIdOf(node.name);
          this.#send(node, pkiId, "request", { type: "membership-request", from, nonce: output.nonce, self });
        }
        return;
      }
      case "respond-membership": {
        const full = verifiedAlive(output.self);
        const own = output.includeSecret ? full : withoutSecret(full);
        this.#send(node, output.to.pkiId, "response", {
          type: "membership-response",
          from: pkiIdOf(node.name),
          nonce: output.nonce,
          alive: [...output.alive.map(read), own],
          dead: output.dead.map(read),
        });
        return;
      }
      case "identify":
        return this.#identify(node, output.endpoint);
      case "verify-endpoint":
        return this.#later(() => this.#verify(node, output.endpoint, output.older));
      case "ping":
        this.#record(node.name, nameOf(output.pkiId), "ping");
        return this.#later(() => {
          const alive = this.#reach(node, this.#at(output.endpoint)) !== undefined;
          this.#push(node, { type: "ping-result", pkiId: output.pkiId, alive });
        });
      default:
        return;
    }
  }

  /** Pushes to some of those who may see the author (page 04 §15.3), filtered before they are drawn. */
  #emit(node: Node, alive: Verified<AliveMessage>, except?: PkiId): void {
    const author = alive.message.member;
    const authorOrg = this.#orgs.get(author.pkiId);
    const mayReceive = (pkiId: PkiId) => {
      if (pkiId === except || pkiId === author.pkiId) return false;
      const org = this.#orgs.get(pkiId);
      if (authorOrg === node.org) return author.endpoint !== "" || org === node.org;
      return node.discovery.lookup(pkiId)?.endpoint !== "" && (org === node.org || org === authorOrg);
    };
    const from = pkiIdOf(node.name);
    const { alivePkiIds } = node.discovery;
    for (const pkiId of sample(this.#random, alivePkiIds, this.#options.fanOut ?? 3, mayReceive)) {
      const isForeign = this.#orgs.get(pkiId) !== authorOrg;
      this.#send(node, pkiId, "alive", { type: "alive", alive: isForeign ? withoutSecret(alive) : alive, from });
    }
  }

  #send(node: Node, to: PkiId, kind: Traffic["kind"], input: DiscoveryInput): void {
    this.#record(node.name, nameOf(to), kind, input);
    if (kind === "alive" && this.#loss > 0 && fraction(this.#random) < this.#loss) return;
    this.#later(() => {
      const target = this.#reach(node, this.#nodes.get(nameOf(to)));
      if (target === undefined) this.#push(node, { type: "presumed-dead", pkiId: to });
      else target.process.onNetwork(this.clock.now(), () => this.#receive(target, input));
    });
  }

  /** The gate: what is not wanted does not reach the machine. */
  #receive({ discovery, run }: Node, input: DiscoveryInput): void {
    if (input.type === "alive" && !discovery.wants(input.alive.message, "push", hasSecret(input.alive))) return;
    if (input.type !== "membership-response") return run.push(input);
    if (!discovery.wantsResponse(input.from, input.nonce)) return;
    const alive = input.alive.filter((entry) => discovery.wants(entry.message, "alive-entry", hasSecret(entry)));
    const dead = input.dead.filter((entry) => discovery.wants(entry.message, "dead-entry", hasSecret(entry)));
    run.push({ ...input, alive, dead });
  }

  #identify(node: Node, endpoint: string): void {
    const target = this.#at(endpoint);
    this.#record(node.name, target?.name ?? endpoint, "identify");
    this.#later(() => {
      const there = this.#reach(node, this.#at(endpoint));
      if (there === undefined) return this.#push(node, { type: "identify-failed", endpoint });
      const sameOrg = there.org === node.org;
      this.#push(node, { type: "identified", endpoint, pkiId: pkiIdOf(there.name), sameOrg });
    });
  }

  #verify(node: Node, endpoint: string, older: readonly PkiId[]): void {
    const there = this.#reach(node, this.#at(endpoint));
    if (there === undefined) return;
    const found = pkiIdOf(there.name);
    this.#push(node, { type: "endpoint-verified", endpoint, pkiId: found });
    for (const pkiId of older) {
      if (pkiId !== found && this.#orgs.get(pkiId) === there.org) this.#push(node, { type: "identity-removed", pkiId });
    }
  }

  #at(endpoint: string): Node | undefined {
    return [...this.#nodes.values()].find(({ name }) => endpoint === internalOf(name) || endpoint === externalOf(name));
  }

  #reach(from: Node, to: Node | undefined): Node | undefined {
    if (to === undefined || to.process.isStopped) return undefined;
    return this.#cuts.has(from.name) === this.#cuts.has(to.name) ? to : undefined;
  }

  #later(act: () => void): void {
    this.clock.schedule(this.clock.now() + (this.#options.delayMs ?? 5), act);
  }

  #push(node: Node, input: DiscoveryInput): void {
    if (node.process.isStopped) node.process.onNetwork(this.clock.now(), () => node.run.push(input));
    else node.run.push(input);
  }

  #record(from: string, to: string, kind: Traffic["kind"], input?: DiscoveryInput): void {
    if (this.#options.isRecorded === false) return;
    this.traffic.push({ at: this.clock.now(), from, to, kind, ...(input && { input }) });
  }
}

/** The internal endpoint of a node of the network. */
export function internalOf(name: string): string {
  return `${name}:7051`;
}

/** The external endpoint of a node of the network. */
export function externalOf(name: string): string {
  return `${name}.external:7051`;
}

function endpointOf(peer: string): string {
  return peer.includes(":") ? peer : internalOf(peer);
}

function names(members: readonly DiscoveryMember[]): readonly string[] {
  return members.map(({ pkiId }) => nameOf(pkiId)).sort();
}

function read(envelope: Envelope): Verified<AliveMessage> {
  return markVerified(decodeMessage(envelope.payload) as AliveMessage, envelope); // Only alive messages are put in.
}

function hasSecret({ envelope }: Verified<AliveMessage>): boolean {
  return envelope.secret !== undefined;
}
