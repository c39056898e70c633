// Opens every frame of vectors/frame-*.json with nothing but Node.js, and compares: node verify.mjs
import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = (n >>> 1) ^ (n & 1 ? 0x82f63b78 : 0);
  return n;
});
const crc = (data, seed) => data.reduce((sum, byte) => (sum >>> 8) ^ TABLE[(sum ^ byte) & 255], seed) >>> 0;
const must = (fact, what) => { if (!fact) throw new Error(what); };
const padded = (size) => Math.ceil(size / 16) * 16;

function preamble(head, limits = []) {
  must(head.length === 32 && crc(head.subarray(0, 28), 0) === head.readUInt32LE(28), "checksum of the preamble");
  const lengths = Array.from({ length: head[1] }, (_, slot) => head.readUInt32LE(Math.min(2 + 6 * slot, 24)));
  must(head[1] >= 1 && head[1] <= 4 && (head[1] === 1 || lengths.at(-1) > 0) && !(head[26] & 1), "preamble");
  must(lengths.every((length, slot) => length <= (limits[slot] ?? 2 ** 20)), "length of a segment");
  return { tag: head[0], lengths };
}

function aborted(revision, last) { // the byte that comes last
  must(revision === "2.0" || [0x1, 0xe].includes(last & 15), "late status");
  return revision === "2.0" ? (last & 1) === 1 : (last & 15) === 1;
}

function openCrc({ revision, limits }, take) {
  const { tag, lengths } = preamble(take(32), limits), old = revision === "2.0", segments = [], sums = [];
  for (const [slot, length] of lengths.entries()) {
    segments.push(take(length));
    if (!old && slot === 0) sums.push(length ? take(4).readUInt32LE() : 0xffffffff);
  }
  const epilogue = old ? take(17) : lengths.length > 1 ? take(13) : Buffer.from([0xe]);
  for (let at = 1; at < epilogue.length; at += 4) sums.push(epilogue.readUInt32LE(at));
  must(segments.every((segment, slot) => crc(segment, 0xffffffff) === sums[slot]), "checksum of a segment");
  return { tag, segments, aborted: aborted(revision, epilogue[0]) };
}

function openSecure({ revision, limits, secret, dialled }, take, size) {
  const key = Buffer.from(secret, "hex"), nonce = Buffer.from(dialled ? key.subarray(28, 40) : key.subarray(16, 28));
  const decrypt = (length) => {
    const cipher = createDecipheriv("aes-128-gcm", key.subarray(0, 16), nonce);
    const sealed = take(length);
    const plain = cipher.setAuthTag(take(16)).update(sealed);
    cipher.final(); // throws where the tag does not match
    nonce.writeBigUInt64LE(BigInt.asUintN(64, nonce.readBigUInt64LE(4) + 1n), 4); // of msgr2.1; here 2.0 needs one only
    return plain;
  };
  const inline = decrypt(revision === "2.0" ? size - 16 : 80);
  const { tag, lengths } = preamble(inline.subarray(0, 32), limits);
  const [first, ...others] = lengths, sum = others.reduce((all, length) => all + padded(length), 0);
  let body = inline.subarray(32);
  if (revision === "2.1") {
    if (first > 48) body = Buffer.concat([body, decrypt(padded(first - 48))]);
    body = body.subarray(0, padded(first));
    if (others.length) body = Buffer.concat([body, decrypt(sum + 16)]);
  }
  must(revision === "2.1" || body.length === padded(first) + sum + 16, "length of the frame");
  const at = (slot) => lengths.slice(0, slot).reduce((all, length) => all + padded(length), 0);
  const segments = lengths.map((length, slot) => body.subarray(at(slot), at(slot) + length));
  return { tag, segments, aborted: (revision === "2.0" || others.length > 0) && aborted(revision, body[at(9)]) };
}

function opened(vector) {
  const wire = Buffer.from(vector.wire, "hex");
  let place = 0;
  const take = (size) => { must(place + size <= wire.length, "too short"); return wire.subarray(place, (place += size)); };
  const frame = (vector.mode === "crc" ? openCrc : openSecure)(vector, take, wire.length);
  must(place === wire.length, "too long");
  return JSON.stringify({ ...frame, segments: frame.segments.map((segment) => segment.toString("hex")) });
}

let count = 0, wrong = 0;
for (const topic of ["frame-crc", "frame-secure", "abort-crc", "abort-secure"]) {
  for (const vector of JSON.parse(readFileSync(new URL(`../${topic}.json`, import.meta.url), "utf8")).vectors) {
    let found = "refused";
    try { found = opened(vector); } catch { /* that is what an invalid one is for */ }
    const { tag, segments, aborted } = vector.frame ?? {};
    const expected = vector.result === "valid" ? JSON.stringify({ tag, segments, aborted }) : "refused";
    if (found !== expected) { wrong++; console.log(`${vector.id}: ${found}, not ${expected}`); }
    count++;
  }
}
console.log(`${count} frames, ${wrong ? `${wrong} wrong` : "all as they should be"}`);
process.exitCode = wrong ? 1 : 0;
