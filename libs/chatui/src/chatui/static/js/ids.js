/** UUIDv7 (RFC 9562), 12 bits of order after the time: ids of one device sort as they were made, even within a millisecond. */
export function idMaker(now = Date.now, fill = (bytes) => crypto.getRandomValues(bytes)) {
  let last = 0n;
  return () => {
    const time = BigInt(now()) << 12n;
    last = time > last ? time : last + 1n;
    const stamp = last.toString(16).padStart(15, "0");
    const chance = [...fill(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const variant = "89ab"[parseInt(chance[0], 16) % 4];
    return `${stamp.slice(0, 8)}-${stamp.slice(8, 12)}-7${stamp.slice(12)}-${variant}${chance.slice(1, 4)}-${chance.slice(4)}`;
  };
}

export const newId = idMaker();
