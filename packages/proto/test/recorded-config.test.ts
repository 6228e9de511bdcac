import type { Decoded } from "@gossip/proto";
import {
  type ConfigGroup,
  encodeAnchorPeers,
  encodeCapabilities,
  encodeConfigEnvelope,
  encodeConsensusType,
  encodeFabricMspConfig,
  encodeImplicitMetaPolicy,
  encodeMspConfig,
  encodeOrdererAddresses,
  encodeSignaturePolicyEnvelope,
  type MspPrincipal,
  readAnchorPeers,
  readBlock,
  readCapabilities,
  readConfigEnvelope,
  readConsensusType,
  readFabricMspConfig,
  readImplicitMetaPolicy,
  readMspConfig,
  readOrdererAddresses,
  readPayload,
  readSignaturePolicyEnvelope,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { blockFile, toHex } from "./fixtures.js";

const bytes = genesisConfig();
const { config, lastUpdate } = valueIn(readConfigEnvelope(bytes));

describe("the configuration in the recorded genesis block", () => {
  test("encodes again to the same bytes", () => {
    expect(toHex(encodeConfigEnvelope({ config, lastUpdate }))).toBe(toHex(bytes));
  });

  test("is the first of a channel with two organizations and one orderer organization", () => {
    expect(config.sequence).toBe(0n);
    expect(lastUpdate).toHaveLength(0);
    expect([...groupAt("Application").groups.keys()].sort()).toEqual(["Org1MSP", "Org2MSP"]);
    expect([...groupAt("Orderer").groups.keys()]).toEqual(["OrdererOrg"]);
  });

  test.each([
    ["Capabilities", (value: Uint8Array) => encodeCapabilities(valueIn(readCapabilities(value)))],
    ["ConsensusType", (value: Uint8Array) => encodeConsensusType(valueIn(readConsensusType(value)))],
    ["Endpoints", (value: Uint8Array) => encodeOrdererAddresses(valueIn(readOrdererAddresses(value)))],
    ["AnchorPeers", (value: Uint8Array) => encodeAnchorPeers(valueIn(readAnchorPeers(value)))],
    [
      "MSP",
      (value: Uint8Array) => {
        const { type, config } = valueIn(readMspConfig(value));
        return encodeMspConfig({ type, config: encodeFabricMspConfig(valueIn(readFabricMspConfig(config))) });
      },
    ],
  ] as const)("has values %s that encode again to the same bytes", (name, again) => {
    const found = groupsIn(config.channelGroup).flatMap((group) => group.values.get(name) ?? []);
    expect(found).not.toHaveLength(0);
    for (const { value } of found) expect(toHex(again(value))).toBe(toHex(value));
  });

  test("has policies of both kinds that encode again to the same bytes", () => {
    const policies = groupsIn(config.channelGroup).flatMap((group) => [...group.policies.values()]);
    expect(new Set(policies.map(({ policy }) => policy?.type))).toEqual(new Set([1, 3]));
    for (const { policy } of policies) {
      const value = policy?.value ?? new Uint8Array(0);
      expect(toHex(policy?.type === 1 ? signaturePolicyAgain(value) : implicitPolicyAgain(value))).toBe(toHex(value));
    }
  });
});

function signaturePolicyAgain(value: Uint8Array): Uint8Array {
  const { rule, identities } = valueIn(readSignaturePolicyEnvelope(value));
  return encodeSignaturePolicyEnvelope({ rule, identities: identities.map((one): MspPrincipal => valueIn(one)) });
}

function implicitPolicyAgain(value: Uint8Array): Uint8Array {
  return encodeImplicitMetaPolicy(valueIn(readImplicitMetaPolicy(value)));
}

function genesisConfig(): Uint8Array {
  const [transaction = new Uint8Array(0)] = valueIn(readBlock(blockFile(0))).data;
  return valueIn(readPayload(valueIn(readSignedEnvelope(transaction)).payload)).data;
}

function groupAt(name: string): ConfigGroup {
  const group = config.channelGroup.groups.get(name);
  if (group === undefined) throw new Error(`expected a group ${name}`);
  return group;
}

function groupsIn(group: ConfigGroup): readonly ConfigGroup[] {
  return [group, ...[...group.groups.values()].flatMap(groupsIn)];
}

function valueIn<T>(result: Decoded<T>): T {
  if (result.ok) return result.value;
  throw new Error(`${result.reason}: ${result.detail}`);
}
