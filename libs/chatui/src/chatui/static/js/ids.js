/** UUIDv7 (RFC 9562) in order of making: ids of one device sort as they were typed, even within a millisecond. */
export function idMaker(now = () => Date.now(), fill = (bytes) => crypto.getRandomValues(bytes)) {
  let last = 0;
  let count = 0;
  return () => {
    const time = Math.max(now(), last);
    count = time === last ? count + 1 : 0;
    last = count > 0xfff ? time + 1 : time;
    if (count > 0xfff) count = 0;
    const bytes = fill(new Uint8Array(8));
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const stamp = last.toString(16).padStart(12, "0");
    const variant = (8 + (bytes[0] & 3)).toString(16);
    const order = count.toString(16).padStart(3, "0");
    return `${stamp.slice(0, 8)}-${stamp.slice(8)}-7${order}-${variant}${hex.slice(1, 4)}-${hex.slice(4)}`;
  };
}

export const newId = idMaker();
